/// <reference types="@cloudflare/vitest-plugin/types" />
import { runInDurableObject } from "cloudflare:test";
import { env } from "cloudflare:workers";
import { expect, it } from "vitest";
import { systemIds } from "../../src/common/ids.ts";
import type { SqlDatabase } from "../../src/rpc/ports/storage.ts";
import { DurableObjectAlarm } from "../../src/storage/durable-object/durable-object-alarm.ts";
import { DurableObjectDatabase } from "../../src/storage/durable-object/durable-object-database.ts";
import type { BareTask } from "../fixtures/rpc/walk-through.ts";
import { describeEndpointStorage } from "../storage/endpoint-storage-suite.ts";
import { describeSqlDatabase } from "../storage/sql-database-suite.ts";

// The bindings are those of test/workerd/wrangler.toml.
const { BARE_TASK } = env as unknown as { readonly BARE_TASK: DurableObjectNamespace<BareTask> };

const withDatabase = (body: (database: SqlDatabase) => void): Promise<void> =>
  runInDurableObject(BARE_TASK.getByName(systemIds.hex()), (_object, state) => {
    body(new DurableObjectDatabase(state.storage, (reason) => state.abort(reason)));
  });

describeSqlDatabase("Durable Object SQLite", withDatabase);
describeEndpointStorage("Durable Object SQLite", withDatabase);

it("the alarm is set and deleted with the event's writes", () =>
  runInDurableObject(BARE_TASK.getByName(systemIds.hex()), async (_object, state) => {
    const alarm = new DurableObjectAlarm(state.storage);
    const due = 4_000_000_000_000;
    expect(alarm.get()).toBeUndefined();
    alarm.set(due);
    expect(alarm.get()).toBe(due);
    expect(await state.storage.getAlarm()).toBe(due);
    alarm.delete();
    expect(alarm.get()).toBeUndefined();
    expect(await state.storage.getAlarm()).toBeNull();
  }));
