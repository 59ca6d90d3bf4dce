import { describe, expect, it } from "vitest";
import { ROOT_CONTEXT } from "../../src/rpc/call-context.ts";
import type { SqlDatabase } from "../../src/rpc/ports/storage.ts";
import { applyEndpointSchema } from "../../src/rpc/storage/endpoint-schema.ts";
import { SqlEndpointStorage } from "../../src/rpc/storage/sql-endpoint-storage.ts";
import { Turn } from "../../src/rpc/turn.ts";

const ANY = { parse: (value: unknown): unknown => value };

/** EndpointStorage over every implementation of SqlDatabase. */
export function describeEndpointStorage(
  name: string,
  withDatabase: (body: (database: SqlDatabase) => void) => Promise<void>,
): void {
  describe(`EndpointStorage on ${name}`, () => {
    const work = { label: "test", context: ROOT_CONTEXT, sender: undefined, readOnly: false };
    const turn = new Turn({}, work, 0);
    const onStorage = (body: (storage: SqlEndpointStorage, database: SqlDatabase) => void): Promise<void> =>
      withDatabase((database) => {
        applyEndpointSchema(database);
        body(new SqlEndpointStorage(database, { requireTurn: () => turn, timersChanged: () => undefined }), database);
      });

    it("gives back what was put: values of the wire's list, undefined told from absent", () =>
      onStorage((storage) => {
        const value = { n: -0, big: 2n ** 70n, bytes: new Uint8Array([1]), map: new Map([["k", new Date(0)]]) };
        storage.put("value", value);
        storage.put("nothing", undefined);
        expect(storage.get("value", ANY)).toStrictEqual(value);
        expect(storage.list("nothing", ANY)).toEqual([["nothing", undefined]]);
        expect(storage.list("absent", ANY)).toEqual([]);
        storage.delete("value");
        storage.delete("value");
        expect(storage.get("value", ANY)).toBeUndefined();
      }));

    it("lists by a literal prefix, ordered by key", () =>
      onStorage((storage) => {
        for (const key of ["a%c", "abc", "a%b", "b", "a", "a%\u{10ffff}", "\u{1f600}x", "\u{1f600}"])
          storage.put(key, key);
        const keys = (prefix: string): string[] => storage.list(prefix, ANY).map(([key]) => key);
        expect(keys("a%")).toEqual(["a%b", "a%c", "a%\u{10ffff}"]);
        expect(keys("a")).toEqual(["a", "a%b", "a%c", "a%\u{10ffff}", "abc"]);
        expect(keys("\u{1f600}")).toEqual(["\u{1f600}", "\u{1f600}x"]);
        expect(keys("")).toHaveLength(8);
      }));

    it("refuses a bad or oversize value and names its key; what was there stays", () =>
      onStorage((storage) => {
        storage.put("k", 1);
        expect(() => storage.put("k", { f: () => 1 })).toThrow("storage key k.f: a function");
        expect(() => storage.put("k", "x".repeat(2_000_001))).toThrow(
          /storage key k: 2000003 characters, the limit is/,
        );
        expect(storage.get("k", ANY)).toBe(1);
      }));

    it("transaction undoes its own writes only", () =>
      onStorage((storage) => {
        storage.put("before", 1);
        expect(() =>
          storage.transaction(() => {
            storage.put("inside", 1);
            throw new Error("no");
          }),
        ).toThrow("no");
        expect(storage.list("", ANY)).toEqual([["before", 1]]);
      }));

    it("deleteAll removes the endpoint's tables and keys, not the layer's", () =>
      onStorage((storage, database) => {
        storage.sql.exec('CREATE TABLE "my ""table""" (id)');
        storage.put("k", 1);
        database.exec("INSERT INTO sluice_identity VALUES (1, 4, 5, 'alive')");
        storage.deleteAll();
        expect(storage.list("", ANY)).toEqual([]);
        expect(() => storage.sql.exec('SELECT * FROM "my ""table"""')).toThrow(/no such table/);
        expect(database.exec("SELECT epoch, incarnation FROM sluice_identity")).toEqual([{ epoch: 4, incarnation: 5 }]);
      }));

    it("the schema is applied once, and a newer one is refused", () =>
      onStorage((_storage, database) => {
        applyEndpointSchema(database);
        database.exec("UPDATE sluice_schema SET version = 2");
        expect(() => applyEndpointSchema(database)).toThrow(expect.objectContaining({ code: "STATE_MIGRATION" }));
      }));
  });
}
