import type { IdSource } from "../../src/common/ids.ts";
import { silentLogger } from "../../src/common/log.ts";
import type { EndpointContext } from "../../src/rpc/endpoint-context.ts";
import type { GatewayDescriptor, GatewayOf } from "../../src/rpc/gateway-descriptor.ts";
import type { Epoch } from "../../src/rpc/fencing/epoch.ts";
import type { RpcEndpoint } from "../../src/rpc/rpc-endpoint.ts";
import { ManualClock } from "../../src/testing/manual-clock.ts";
import { TestingEndpoint } from "../../src/testing/testing-endpoint.ts";
import type { TestingService } from "../../src/testing/testing-endpoint.ts";
import { SqliteDatabase } from "../../src/storage/sqlite/sqlite-database.ts";
import { LocalRpcService } from "../../src/transport/local/local-rpc-service.ts";
import type { LocalDelivery } from "../../src/transport/local/local-rpc-service.ts";

/** One message that was sent. */
export interface SentCall {
  readonly to: string;
  readonly method: string;
  readonly args: readonly unknown[];
}

/** One real endpoint among testing ones, on a clock that the test drives. */
export class ControlPlaneWorld implements Disposable {
  readonly clock = new ManualClock(1_000_000);
  readonly calls: SentCall[] = [];
  /** Decides what happens to a message. */
  fate: (call: SentCall) => LocalDelivery = () => "deliver";
  readonly service: LocalRpcService;
  readonly #databases = new Map<string, SqliteDatabase>();

  constructor() {
    let ids = 0;
    const idSource: IdSource = { hex: () => (ids += 1).toString(16).padStart(32, "0") };
    this.service = new LocalRpcService({
      clock: this.clock,
      random: { next: () => 0.5 },
      ids: idSource,
      log: silentLogger,
      intercept: ({ kind, endpoint, method, args }) => {
        const call = { to: endpoint, method, args };
        if (kind === "handshake") return "deliver";
        this.calls.push(call);
        return this.fate(call);
      },
    });
  }

  /** A testing endpoint; serving again under the same address replaces it. */
  serve<D extends GatewayDescriptor>(address: string, service: TestingService<D>): void {
    this.service.kill(address);
    this.service.startServer(address, {
      gateways: [service.gateway],
      factory: (context) => new TestingEndpoint(context, service),
    });
  }

  /** The endpoint under test, with a database of its own. */
  start(address: string, gateway: GatewayDescriptor, factory: (context: EndpointContext) => RpcEndpoint): void {
    const database = new SqliteDatabase();
    this.#databases.set(address, database);
    this.service.startServer(address, { gateways: [gateway], factory, database });
  }

  gateway<D extends GatewayDescriptor>(descriptor: D, address: string, epoch?: Epoch): GatewayOf<D> {
    return this.service.gateway(descriptor, address, epoch);
  }

  /** The result of an ask; promises settle, time stands still. */
  async settled<T>(promise: Promise<T>): Promise<T> {
    promise.catch(() => undefined);
    await this.clock.settle();
    await this.clock.advance(0);
    return promise;
  }

  /** Arguments of all calls of this method so far. */
  sent(method: string): readonly (readonly unknown[])[] {
    return this.calls.filter((call) => call.method === method).map(({ args }) => args);
  }

  /** Names of what is stored there, tables of the RPC layer aside: keys and timers. */
  stored(address: string): { readonly keys: readonly string[]; readonly timers: readonly string[] } {
    const names = (sql: string, column: string): readonly string[] =>
      (this.#databases.get(address)?.exec(sql) ?? []).map((row) => String(row[column]));
    return {
      keys: names("SELECT key FROM sluice_kv ORDER BY key", "key"),
      timers: names("SELECT name FROM sluice_timers ORDER BY name", "name"),
    };
  }

  [Symbol.dispose](): void {
    for (const [address, database] of this.#databases) {
      this.service.kill(address);
      database.close();
    }
  }
}
