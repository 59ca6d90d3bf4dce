import { strict as assert } from "node:assert";
import { SluiceException } from "../../src/rpc/index.ts";
import type { ExceptionCode, RpcService } from "../../src/rpc/index.ts";
import type { RequestEnvelope } from "../../src/rpc/envelope/v1.ts";
import type { RpcServer } from "../../src/rpc/rpc-server.ts";
import type { ProbeKind } from "../fixtures/rpc/probe-gateways.ts";

/** What a row may do to endpoints whose service lets them be started and stopped by hand. */
export interface Hosting {
  /** Creates an endpoint without starting it. */
  create(kind: ProbeKind): RpcServer;
  createAt(address: string, kind: ProbeKind): RpcServer;
  closeService(): Promise<void>;
}

/** One implementation of RpcService as the rows see it; a fresh one for each row. */
export interface World {
  readonly service: RpcService;
  /** Address of a fresh, started endpoint. */
  open(kind: ProbeKind): string;
  /** Lets at least so much time pass. */
  elapse(millis: number): Promise<void>;
  /** Ends the endpoint's activation without any notice to it; it lives again at the next call. */
  crash(address: string): Promise<void>;
  readonly hosting?: Hosting;
}

/** One row of the contract: resolves if the implementation conforms. */
export interface Row {
  /** Row of the RPC contract, or the ruling that wins over it. */
  readonly id: string;
  readonly title: string;
  /** `hosting` rows start and stop endpoints by hand; `calling` rows only call them. */
  readonly tag: "hosting" | "calling";
  run(world: World): Promise<void>;
}

export function calling(id: string, title: string, run: (world: World) => Promise<void>): Row {
  return { id, title, tag: "calling", run };
}

export function hosting(id: string, title: string, run: (hosting: Hosting, world: World) => Promise<void>): Row {
  return {
    id,
    title,
    tag: "hosting",
    run: (world) => {
      if (world.hosting === undefined) throw new Error("this service starts and stops no endpoints by hand");
      return run(world.hosting, world);
    },
  };
}

/** What `promise` is rejected with; fails if it resolves or the error is none of ours. */
export async function rejection(promise: Promise<unknown>, code?: ExceptionCode): Promise<SluiceException> {
  let error: unknown;
  try {
    await promise;
  } catch (thrown) {
    error = thrown;
  }
  assert.ok(SluiceException.is(error), `expected a SluiceException, got ${String(error)}`);
  if (code !== undefined) assert.equal(error.code, code, error.message);
  return error;
}

/** The same for an error thrown at once. */
export function thrown(body: () => unknown, code: ExceptionCode): SluiceException {
  let error: unknown;
  try {
    body();
  } catch (caught) {
    error = caught;
  }
  assert.ok(SluiceException.is(error, code), `expected ${code}, got ${String(error)}`);
  return error;
}

/** A well-formed ask to `Probe.noted` or whatever `changes` say, below any gateway. */
export function envelope(endpoint: string, changes: Partial<RequestEnvelope> = {}): RequestEnvelope {
  return {
    version: 1,
    kind: "ask",
    id: "conformance:1",
    endpoint,
    gateway: "Probe",
    gatewayVersion: 3,
    method: "noted",
    args: [],
    attachments: [],
    epoch: null,
    sender: null,
    seq: 1,
    remainingMillis: 5_000,
    depth: 1,
    chain: [],
    trace: null,
    ...changes,
  };
}
