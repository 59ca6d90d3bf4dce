/**
 * The parts of the peers' interfaces that the benchmarks use. The peers are not installed with the project, which has to
 * type-check without them.
 */
declare module "nact" {
  interface Ref<T> {
    readonly accepts?: (message: T) => void;
  }
  export function start(): Ref<never>;
  export function spawnStateless<Message>(parent: Ref<never>, handle: (message: Message) => void): Ref<Message>;
  export function dispatch<T>(target: Ref<T>, message: T): void;
  export function query<Reply, Message>(
    target: Ref<Message>,
    message: (replyTo: Ref<Reply>) => Message,
    timeoutMillis: number,
  ): Promise<Reply>;
}

declare module "partyserver" {
  import type { DurableObject } from "cloudflare:workers";

  export class Server<Env> extends DurableObject<Env> {
    onStart(): void | Promise<void>;
  }
  export function getServerByName<T extends Rpc.DurableObjectBranded>(
    namespace: DurableObjectNamespace<T>,
    name: string,
  ): Promise<DurableObjectStub<T>>;
}

declare module "agents" {
  import type { DurableObject } from "cloudflare:workers";

  export class Agent<Env> extends DurableObject<Env> {
    onStart(): void | Promise<void>;
  }
  export function getAgentByName<T extends Rpc.DurableObjectBranded>(
    namespace: DurableObjectNamespace<T>,
    name: string,
  ): Promise<DurableObjectStub<T>>;
}

declare module "capnweb" {
  export class RpcTarget {}
  /** Calls on it are pipelined; every method answers with a promise. */
  export type RpcStub<T> = {
    readonly [Method in keyof T]: T[Method] extends (...args: infer Args) => infer Result
      ? (...args: Args) => Promise<Awaited<Result>>
      : never;
  };
  export function newMessagePortRpcSession<T>(port: unknown, main?: RpcTarget): RpcStub<T>;
  export function newHttpBatchRpcSession<T>(url: string): RpcStub<T>;
  export function newWebSocketRpcSession<T>(url: string): RpcStub<T>;
  export function newWorkersRpcResponse(request: Request, main: RpcTarget): Promise<Response>;
}
