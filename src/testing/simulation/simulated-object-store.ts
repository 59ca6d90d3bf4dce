import type { ObjectStore } from "../../runtime/blob/object-store.ts";
import { InMemoryObjectStore } from "../in-memory-object-store.ts";
import type { FaultSource } from "./fault-source.ts";
import type { VirtualTime } from "./virtual-time.ts";

const LATENCY_MILLIS = [1, 20] as const;
const SLOW_MILLIS = [500, 12_000] as const;

/** The object store of a simulation: one content, a view for each of its users; requests take time and may fail. */
export class SimulatedObjectStore {
  /** What is stored, without delay or fault. */
  readonly content: InMemoryObjectStore;
  /** What was written when whoever had asked for it was gone already, and cannot know. */
  readonly orphans = new Set<string>();
  readonly #time: VirtualTime;
  readonly #faults: FaultSource;

  readonly #onReplaced: (key: string) => void;

  /** @param onReplaced an object got other bytes than it had. */
  constructor(time: VirtualTime, faults: FaultSource, onReplaced: (key: string) => void = () => undefined) {
    this.#time = time;
    this.#faults = faults;
    this.#onReplaced = onReplaced;
    this.content = new InMemoryObjectStore(time);
  }

  /**
   * The store as one user sees it.
   *
   * @param whenConfirmed the user's output gate: no request leaves before what it wrote is durable.
   * @param isAlive whether the user is there to hear the answer.
   */
  view(whenConfirmed: (send: () => void) => void, isAlive: () => boolean = () => true): ObjectStore {
    const { content } = this;
    const read = <T>(request: () => Promise<T>, what: string): Promise<T> =>
      this.#request({ what, request, fails: "get-failed" }, whenConfirmed);
    const write = <T>(request: () => Promise<T>, what: string): Promise<T> =>
      this.#request({ what, request, fails: "put-failed", doubts: "put-in-doubt" }, whenConfirmed);
    return {
      get: (key, range) => read(() => content.get(key, range), `get ${key}`),
      head: (key) => read(() => content.head(key), `head ${key}`),
      list: (prefix) => read(() => content.list(prefix), `list ${prefix}`),
      put: (key, bytes, condition) => {
        const copy = bytes.slice();
        return write(async () => {
          const before = content.peek(key)?.bytes;
          const written = await content.put(key, copy, condition);
          if (!isAlive()) this.orphans.add(key);
          if (written !== undefined && before !== undefined && !equalBytes(before, copy)) this.#onReplaced(key);
          return written;
        }, `put ${key}`);
      },
      delete: (keys) => write(() => content.delete(keys), `delete ${keys.join(", ")}`),
    };
  }

  #request<T>(
    {
      what,
      request,
      fails,
      doubts,
    }: {
      readonly what: string;
      readonly request: () => Promise<T>;
      readonly fails: "get-failed" | "put-failed";
      readonly doubts?: "put-in-doubt";
    },
    whenConfirmed: (send: () => void) => void,
  ): Promise<T> {
    const { promise, resolve, reject } = Promise.withResolvers<T>();
    promise.catch(() => undefined);
    const answer = (settle: () => void): void => void this.#time.schedule(this.#latency(what), settle, this);
    whenConfirmed(() => {
      this.#time.schedule(
        this.#latency(what),
        async () => {
          if (this.#faults.strikes(fails, what)) return answer(() => reject(new Error(`simulated: ${what} failed`)));
          try {
            const result = await request();
            const lost = doubts !== undefined && this.#faults.strikes(doubts, what);
            answer(() => (lost ? reject(new Error(`simulated: ${what} got no answer`)) : resolve(result)));
          } catch (error) {
            answer(() => reject(error));
          }
        },
        this,
      );
    });
    return promise;
  }

  #latency(what: string): number {
    const [least, most] = this.#faults.strikes("object-store-slow", what) ? SLOW_MILLIS : LATENCY_MILLIS;
    return this.#faults.random.between(least, most);
  }
}

function equalBytes(left: Uint8Array, right: Uint8Array): boolean {
  return left.byteLength === right.byteLength && left.every((byte, index) => byte === right[index]);
}
