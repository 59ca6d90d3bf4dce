/** Runs one statement and returns its rows. */
export type Execute = (
  statement: string,
  ...bindings: (string | number)[]
) => readonly Readonly<Record<string, unknown>>[];

/** The one durable write of a call: a row that keeps a sum. The same statements in every system. */
export function createSumTable(execute: Execute): void {
  execute("CREATE TABLE IF NOT EXISTS bench_sums (name TEXT PRIMARY KEY, sum INTEGER NOT NULL)");
}

export function addToSum(execute: Execute, by: number): number {
  const [row] = execute(
    "INSERT INTO bench_sums (name, sum) VALUES (?, ?) ON CONFLICT (name) DO UPDATE SET sum = sum + excluded.sum RETURNING sum",
    "only",
    by,
  );
  return Number(row?.["sum"]);
}
