import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, it } from "vitest";
import { SqliteDatabase } from "../../../src/storage/sqlite/sqlite-database.ts";
import type { SqlDatabase } from "../../../src/rpc/ports/storage.ts";
import { describeEndpointStorage } from "../endpoint-storage-suite.ts";
import { describeSqlDatabase } from "../sql-database-suite.ts";

const withDatabase = async (body: (database: SqlDatabase) => void): Promise<void> => {
  const database = new SqliteDatabase();
  body(database);
  database.close();
};

describeSqlDatabase("node:sqlite", withDatabase);
describeEndpointStorage("node:sqlite", withDatabase);

it("a database in a file is there when it is opened again", () => {
  const folder = mkdtempSync(join(tmpdir(), "sluice-sqlite-"));
  try {
    const path = join(folder, "endpoint.sqlite");
    const first = new SqliteDatabase(path);
    first.exec("CREATE TABLE t (id)");
    first.exec("INSERT INTO t VALUES (7)");
    first.close();
    const second = new SqliteDatabase(path);
    expect(second.exec("SELECT id FROM t")).toEqual([{ id: 7 }]);
    second.close();
  } finally {
    rmSync(folder, { recursive: true });
  }
});
