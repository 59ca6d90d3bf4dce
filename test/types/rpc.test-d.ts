/** Compiled, never run: what the compiler must accept, and, marked, what it must refuse. */
import { durableObject } from "../../src/entrypoint/durable-object.ts";
import { ask, defineGateway, RpcEndpoint, seconds, stream, tell, withOptions } from "../../src/rpc/index.ts";
import type { Epoch, HandlerOf, ItemStream, Later, RpcService } from "../../src/rpc/index.ts";

const LampGateway = defineGateway("Lamp", {
  version: 1,
  turns: "sync",
  methods: {
    dim: ask<(by: number, name: string) => number>(),
    off: tell<() => undefined>(),
    slow: ask<() => string, "exclusive">({ turns: "exclusive" }),
    flicker: stream<(times: number) => boolean>(),
    glow: stream<() => number, "reentrant">({ turns: "reentrant" }),
  },
});
const ActorGateway = defineGateway("Actor", { version: 1, methods: { act: ask<() => number>() } });
const FencedGateway = defineGateway("Fenced", { version: 1, fenced: true, methods: {} });

// Handlers: plain values, Laters, and async where the mode allows it.

export class Lamp extends RpcEndpoint implements HandlerOf<typeof LampGateway> {
  dim(by: number, _name: string): number | Later<number> {
    return by > 0 ? by : this.ask(Promise.resolve(1), (one) => one + by);
  }
  off(): undefined {}
  async slow(): Promise<string> {
    return "at last";
  }
  *flicker(times: number): Generator<boolean> {
    for (let time = 0; time < times; time += 1) yield this.call.signal.aborted;
  }
  async *glow(): AsyncGenerator<number> {
    yield 1;
  }
}

export class Fed extends RpcEndpoint implements Pick<HandlerOf<typeof LampGateway>, "flicker"> {
  flicker(_times: number): ItemStream<boolean> {
    return this.itemStream<boolean>();
  }
}

export class AsyncStream implements Pick<HandlerOf<typeof LampGateway>, "flicker"> {
  // @ts-expect-error an async generator in a sync gateway
  async *flicker(_times: number): AsyncGenerator<boolean> {
    yield true;
  }
}

export class WrongItem implements Pick<HandlerOf<typeof LampGateway>, "flicker"> {
  // @ts-expect-error items of another type
  *flicker(_times: number): Generator<string> {
    yield "";
  }
}

export class AsyncEvery extends RpcEndpoint {
  protected override onStart(): void {
    // @ts-expect-error an async body: what it does after its first await is no turn
    this.every(seconds(1), async () => undefined);
  }
}

export class Actor implements HandlerOf<typeof ActorGateway> {
  async act(): Promise<number> {
    return 1;
  }
}

export class AsyncAsk implements Pick<HandlerOf<typeof LampGateway>, "dim"> {
  // @ts-expect-error an async function in a sync method
  async dim(by: number): Promise<number> {
    return by;
  }
}

export class AsyncTell implements Pick<HandlerOf<typeof LampGateway>, "off"> {
  // @ts-expect-error an async function as the handler of a tell
  async off(): Promise<undefined> {}
}

export class WrongArgument implements Pick<HandlerOf<typeof LampGateway>, "dim"> {
  // @ts-expect-error a parameter of another type
  dim(by: string): number {
    return by.length;
  }
}

export class WrongResult implements Pick<HandlerOf<typeof LampGateway>, "dim"> {
  // @ts-expect-error a result of another type
  dim(): string {
    return "";
  }
}

// @ts-expect-error handlers are missing
export class Incomplete implements HandlerOf<typeof LampGateway> {
  off(): undefined {}
}

export class AsyncContinuation extends RpcEndpoint {
  dim(): Later<number> {
    // @ts-expect-error a continuation that is async: its Later would be of a promise
    return this.ask(Promise.resolve(1), async (one) => one);
  }
}

export class TwoInOne extends RpcEndpoint {
  dim(): Later<number> {
    // @ts-expect-error result and error come to different continuations
    return this.ask(Promise.resolve(1), (_result: number, _error: Error) => 1);
  }
}

// Gateways.

export async function calls(service: RpcService, epoch: Epoch): Promise<void> {
  const lamp = await service.connect(LampGateway, "lamp", epoch);
  const dimmed: number = await lamp.dim(1, "left");
  lamp.off();
  const address: string = lamp.getAddress();

  for await (const lit of lamp.flicker(3)) void (lit satisfies boolean);
  const patient: typeof lamp = withOptions(lamp, { timeout: seconds(1), signal: AbortSignal.timeout(5) });
  await patient.dim(1, "left");

  // @ts-expect-error a plain number is no Duration
  withOptions(lamp, { timeout: 5 });
  // @ts-expect-error a stream is iterated, not awaited
  const flickered: Promise<boolean> = lamp.flicker(3);
  // @ts-expect-error an argument of another type
  await lamp.dim("1", "left");
  // @ts-expect-error an argument is missing
  await lamp.dim(1);
  // @ts-expect-error a method outside the descriptor
  void lamp["explode"];
  // @ts-expect-error a tell gives nothing to wait for
  const waited: Promise<unknown> = lamp.off();
  // @ts-expect-error the reply has another type
  const text: string = await lamp.dim(1, "left");
  // @ts-expect-error only fenced gateways have a token
  void lamp["getFencingToken"];
  // @ts-expect-error a plain number is no epoch
  await service.connect(LampGateway, "lamp", 1);

  const token: Epoch | undefined = (await service.connect(FencedGateway, "x")).getFencingToken();
  void [dimmed, address, waited, text, token, flickered];
}

// Objects.

export const LampObject = durableObject((context) => new Lamp(context), [LampGateway]);
// @ts-expect-error the endpoint has no handlers for a gateway that its object is to serve
export const HalfObject = durableObject((context) => new Lamp(context), [LampGateway, ActorGateway]);

// @ts-expect-error a gateway has a version
defineGateway("Unversioned", { methods: {} });
// @ts-expect-error no such turn mode
defineGateway("Modeless", { version: 1, turns: "parallel", methods: {} });
