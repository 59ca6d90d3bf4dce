/** Groups of Flink's observable RPC behaviour with the number of their rows: `L1` to `L30`, and so on. */
export const CONTRACT_GROUPS = {
  L: { title: "Endpoint lifecycle", rows: 30 },
  M: { title: "Mailbox and ordering", rows: 10 },
  S: { title: "Main-thread executor and scheduling", rows: 19 },
  T: { title: "Main-thread check", rows: 6 },
  G: { title: "Gateways", rows: 10 },
  A: { title: "Tell and ask", rows: 8 },
  O: { title: "Timeouts", rows: 10 },
  X: { title: "Exceptions", rows: 9 },
  F: { title: "Fencing", rows: 15 },
  V: { title: "Service", rows: 15 },
  K: { title: "Handshake and versions", rows: 7 },
  Z: { title: "Values and sizes", rows: 11 },
  U: { title: "Supervision", rows: 9 },
  D: { title: "Dead letters", rows: 5 },
  H: { title: "Heartbeats", rows: 22 },
  R: { title: "Registration and retry", rows: 15 },
  P: { title: "What users of Flink complain about", rows: 20 },
} as const;

export type ContractGroup = keyof typeof CONTRACT_GROUPS;

/** Ids of all rows, in order. */
export function contractIds(group: ContractGroup): readonly string[] {
  return Array.from({ length: CONTRACT_GROUPS[group].rows }, (_, index) => `${group}${index + 1}`);
}

/** Ids that a test's title names: `L14`, `(over R4, R5)`, `Z1 to Z6`. */
export function idsIn(title: string): readonly string[] {
  const ids: string[] = [];
  for (const [, group = "", first = "", last = first] of title.matchAll(
    /\b([A-Z])(\d{1,2})\b(?: to \1(\d{1,2})\b)?/g,
  )) {
    if (!Object.hasOwn(CONTRACT_GROUPS, group)) continue;
    for (let number = Number(first); number <= Number(last); number += 1) ids.push(`${group}${number}`);
  }
  return ids;
}
