import { silentLogger } from "../../../src/common/log.ts";
import type { Logger } from "../../../src/common/log.ts";
import {
  ask,
  defineGateway,
  FencedRpcEndpoint,
  RpcEndpoint,
  seconds,
  SluiceException,
  tell,
} from "../../../src/rpc/index.ts";
import type { ActivationReason, EndpointContext, HandlerOf, Later, WireValue } from "../../../src/rpc/index.ts";
import type { RpcServer } from "../../../src/rpc/rpc-server.ts";
import { SqliteDatabase } from "../../../src/storage/sqlite/sqlite-database.ts";
import { ManualClock } from "../../../src/testing/manual-clock.ts";
import { LocalRpcService } from "../../../src/transport/local/local-rpc-service.ts";

export const DeskGateway = defineGateway("Desk", {
  version: 2,
  turns: "sync",
  methods: {
    write: ask<(text: WireValue) => number>(),
    pages: ask<() => WireValue[]>({ timeout: seconds(2) }),
    drop: tell<(text: string) => undefined>(),
    wait: ask<(key: string) => string>(),
    finish: ask<(key: string) => undefined>(),
    fail: ask<() => undefined>(),
    huge: ask<() => string>(),
    unsendable: ask<() => undefined>(),
    stall: ask<(millis: number) => undefined>(),
    pagesOf: ask<(peer: string) => WireValue[]>(),
    tick: ask<() => undefined>(),
    trace: ask<() => string | null>(),
  },
});
export const SafeGateway = defineGateway("Safe", {
  version: 1,
  turns: "sync",
  fenced: true,
  methods: { open: ask<() => number>(), tokens: ask<() => number>() },
});

/** Shows time that passes within a turn. */
export class SlowClock extends ManualClock {
  late = 0;

  override now(): number {
    return super.now() + this.late;
  }
}

export class PaperJam extends Error {
  readonly tray = 2;
}

export class Desk extends RpcEndpoint implements HandlerOf<typeof DeskGateway> {
  readonly #pages: WireValue[] = [];
  readonly #waiting = new Map<string, PromiseWithResolvers<string>>();
  readonly #begin: ((desk: Desk) => void | Later<void>) | undefined;
  readonly #clock: SlowClock;
  ticks = 0;

  constructor(context: EndpointContext, clock: SlowClock, begin?: (desk: Desk) => void | Later<void>) {
    super(context, { slowTurnMillis: 100 });
    this.#clock = clock;
    this.#begin = begin;
  }

  protected override onStart(_reason: ActivationReason): void | Later<void> {
    return this.#begin?.(this);
  }

  after(promise: Promise<void>): Later<void> {
    return this.ask(promise, () => undefined);
  }

  write(text: WireValue): number {
    return this.#pages.push(text);
  }

  pages(): WireValue[] {
    return this.#pages;
  }

  drop(text: string): undefined {
    this.#pages.push(text);
  }

  wait(key: string): Later<string> {
    const waiting = Promise.withResolvers<string>();
    this.#waiting.set(key, waiting);
    return this.ask(waiting.promise);
  }

  finish(key: string): undefined {
    this.#waiting.get(key)?.resolve(key);
  }

  fail(): undefined {
    throw new PaperJam("tray 2", { cause: new RangeError("page 7") });
  }

  huge(): string {
    return "x".repeat(17 * 1_024 * 1_024);
  }

  unsendable(): undefined {
    return { deep: [() => 1] } as unknown as undefined;
  }

  stall(millis: number): undefined {
    this.#clock.late += millis;
  }

  pagesOf(peer: string): Later<WireValue[]> {
    return this.ask(this.gateway(DeskGateway, peer).pages());
  }

  tick(): undefined {
    this.every(seconds(1), () => {
      this.ticks += 1;
      if (this.ticks === 2) throw new Error("the second tick fails");
      return undefined;
    });
  }

  trace(): string | null {
    return this.call.trace;
  }
}

export class Safe extends FencedRpcEndpoint implements HandlerOf<typeof SafeGateway> {
  protected override onStart(reason: ActivationReason): void {
    if (reason === "recovered") this.grantEpoch();
  }

  open(): number {
    return this.incarnation;
  }

  tokens(): number {
    return this.getFencingToken();
  }
}

/** What `promise` is rejected with. */
export async function refusal(promise: Promise<unknown>): Promise<SluiceException> {
  const error = await promise.then(
    () => new Error("it was not rejected"),
    (thrown: unknown) => thrown,
  );
  if (!SluiceException.is(error)) throw error;
  return error;
}

export function thrownBy(body: () => unknown): unknown {
  try {
    body();
  } catch (error) {
    return error;
  }
  throw new Error("nothing was thrown");
}

/** A local service on a clock of its own, and what the complaints need of it. */
export function openOffice() {
  const clock = new SlowClock();
  const log: string[] = [];
  const logger: Logger = {
    ...silentLogger,
    warn: (message) => void log.push(message),
    error: (message) => void log.push(message),
  };
  const service = new LocalRpcService({ clock, log: logger });
  const host = (
    address: string,
    begin?: (desk: Desk) => void | Later<void>,
  ): { readonly server: RpcServer; readonly desk: Desk } => {
    let desk: Desk | undefined;
    const server = service.createServer(address, {
      gateways: [DeskGateway],
      factory: (context) => (desk = new Desk(context, clock, begin)),
      database: new SqliteDatabase(),
    });
    if (desk === undefined) throw new Error("not built");
    return { server, desk };
  };
  const open = (address: string) => {
    host(address).server.start();
    return service.gateway(DeskGateway, address);
  };
  const openSafe = () => {
    service.startServer("safe", {
      gateways: [SafeGateway],
      factory: (context) => new Safe(context),
      database: new SqliteDatabase(),
    });
    return service.gateway(SafeGateway, "safe");
  };
  return { clock, log, service, host, open, openSafe };
}
