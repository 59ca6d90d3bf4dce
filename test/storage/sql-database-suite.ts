import { describe, expect, it } from "vitest";
import { checkWireValue } from "../../src/common/wire-value.ts";
import type { SqlDatabase } from "../../src/rpc/ports/storage.ts";

/** What every implementation of SqlDatabase does; `withDatabase` runs a body on a fresh one. */
export function describeSqlDatabase(
  name: string,
  withDatabase: (body: (database: SqlDatabase) => void) => Promise<void>,
): void {
  describe(`SqlDatabase on ${name}`, () => {
    const onTable = (body: (database: SqlDatabase) => void): Promise<void> =>
      withDatabase((database) => {
        database.exec("CREATE TABLE t (id INTEGER PRIMARY KEY, value)");
        body(database);
      });
    const ids = (database: SqlDatabase): unknown[] =>
      database.exec("SELECT id FROM t ORDER BY id").map((row) => row["id"]);

    it("gives rows back as they were bound, as plain objects, bytes as Uint8Array", () =>
      onTable((database) => {
        const values = ["text \u{1f600}", 1.5, -7, 2 ** 53 - 1, null, new Uint8Array([0, 255])];
        values.forEach((value, id) => database.exec("INSERT INTO t (id, value) VALUES (?, ?)", id, value));
        const rows = database.exec("SELECT value FROM t ORDER BY id");
        expect(rows.map((row) => row["value"])).toEqual(values);
        expect(rows.at(-1)?.["value"]).toBeInstanceOf(Uint8Array);
        for (const row of rows) expect(Object.getPrototypeOf(row)).toBe(Object.prototype);
        checkWireValue(rows, "rows");
      }));

    it("returns the rows of RETURNING, and none of other writes", () =>
      onTable((database) => {
        expect(database.exec("INSERT INTO t (id, value) VALUES (1, 'a') RETURNING value")).toEqual([{ value: "a" }]);
        expect(database.exec("DELETE FROM t")).toEqual([]);
      }));

    it("keeps what a transaction wrote and gives back its result", () =>
      onTable((database) => {
        expect(database.transactionSync(() => database.exec("INSERT INTO t (id) VALUES (1) RETURNING id"))).toEqual([
          { id: 1 },
        ]);
        expect(ids(database)).toEqual([1]);
      }));

    it("undoes what a transaction wrote that throws, tables included, and rethrows the same error", () =>
      onTable((database) => {
        const error = new RangeError("no");
        const attempt = (): unknown =>
          database.transactionSync(() => {
            database.exec("INSERT INTO t (id) VALUES (1)");
            database.exec("CREATE TABLE other (id)");
            expect(ids(database)).toEqual([1]);
            throw error;
          });
        expect(attempt).toThrow(error);
        expect(ids(database)).toEqual([]);
        expect(() => database.exec("SELECT * FROM other")).toThrow(/no such table/);
      }));

    it("nests: an inner throw that is caught undoes the inner writes only", () =>
      onTable((database) => {
        database.transactionSync(() => {
          database.exec("INSERT INTO t (id) VALUES (1)");
          expect(() =>
            database.transactionSync(() => {
              database.exec("INSERT INTO t (id) VALUES (2)");
              throw new Error("inner");
            }),
          ).toThrow("inner");
          database.transactionSync(() => database.exec("INSERT INTO t (id) VALUES (3)"));
        });
        expect(ids(database)).toEqual([1, 3]);
      }));

    it("an outer throw undoes what an inner transaction had kept", () =>
      onTable((database) => {
        expect(() =>
          database.transactionSync(() => {
            database.transactionSync(() => database.exec("INSERT INTO t (id) VALUES (1)"));
            throw new Error("outer");
          }),
        ).toThrow("outer");
        expect(ids(database)).toEqual([]);
      }));

    it("a statement that fails throws and leaves the transaction usable", () =>
      onTable((database) => {
        database.transactionSync(() => {
          database.exec("INSERT INTO t (id) VALUES (1)");
          expect(() => database.exec("INSERT INTO t (id) VALUES (1)")).toThrow(/UNIQUE|constraint/i);
          database.exec("INSERT INTO t (id) VALUES (2)");
        });
        expect(ids(database)).toEqual([1, 2]);
      }));

    it("deleteAll removes every table", () =>
      onTable((database) => {
        database.exec('CREATE TABLE "odd ""name""" (id)');
        database.deleteAll();
        expect(() => database.exec("SELECT * FROM t")).toThrow(/no such table/);
        database.exec('CREATE TABLE "odd ""name""" (id)');
      }));
  });
}
