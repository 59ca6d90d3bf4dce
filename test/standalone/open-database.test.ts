import { readdirSync } from "node:fs";
import { join } from "node:path";
import { expect, it } from "vitest";
import { openDatabase } from "../../src/entrypoint/standalone/open-database.ts";
import { temporaryFolder } from "./temporary-folder.ts";

const rethrow = (error: unknown): void => {
  throw error;
};

it("an object's database holds back output after writes, not after reads", async () => {
  using folder = temporaryFolder();
  const { database, gate, close } = openDatabase(join(folder.path, "x/y.sqlite"), rethrow);
  const flushed = (): Promise<void> => new Promise((resolve) => gate.pass(resolve));
  database.exec("CREATE TABLE t (id)");
  await flushed();
  for (const write of [
    "INSERT INTO t VALUES (1)",
    "WITH n AS (SELECT 2) INSERT INTO t SELECT * FROM n",
    "DELETE FROM t",
  ]) {
    database.exec(write);
    expect([write, gate.busy]).toEqual([write, true]);
    await flushed();
  }
  database.exec("SELECT * FROM t");
  expect(gate.busy).toBe(false);
  database.transactionSync(() => database.exec(" insert into t values (7)"));
  expect(gate.busy).toBe(true);
  await flushed();
  database.deleteAll();
  expect(gate.busy).toBe(true);
  await flushed();
  close();
});

it("an object's database is one file while it is closed, and is there again when it is opened", () => {
  using folder = temporaryFolder();
  const path = join(folder.path, "y.sqlite");
  const first = openDatabase(path, rethrow);
  first.database.exec("CREATE TABLE t AS SELECT 5 AS id");
  first.close();
  expect(readdirSync(folder.path)).toEqual(["y.sqlite"]);
  const second = openDatabase(path, rethrow);
  expect(second.database.exec("SELECT id FROM t")).toEqual([{ id: 5 }]);
  second.close();
});
