import { z } from "zod";

const SAMPLING_MICROS = 1_000;

const Targets = z.array(z.object({ id: z.string(), webSocketDebuggerUrl: z.string() }));
const Answer = z.object({ id: z.number().optional(), result: z.unknown().optional() });
const Profile = z.object({
  profile: z.object({
    nodes: z.array(z.object({ id: z.number(), callFrame: z.object({ functionName: z.string() }) })),
    samples: z.array(z.number()),
    startTime: z.number(),
    endTime: z.number(),
  }),
});

/** Samples in which the isolate ran nothing. */
const AT_REST: ReadonlySet<string> = new Set(["(root)", "(program)", "(idle)"]);

/** A CPU profile of one worker's isolate, taken through workerd's inspector. */
export class IsolateProfile implements AsyncDisposable {
  readonly #socket: WebSocket;
  readonly #answers = new Map<number, (result: unknown) => void>();
  #calls = 0;

  private constructor(socket: WebSocket) {
    this.#socket = socket;
    socket.addEventListener("message", ({ data }) => {
      const { id, result } = Answer.parse(JSON.parse(String(data)));
      if (id !== undefined) this.#answers.get(id)?.(result);
    });
  }

  static async start(inspector: string, worker: string): Promise<IsolateProfile> {
    const list = await fetch(`${inspector}/json`);
    const found = Targets.parse(await list.json()).find(({ id }) => id.endsWith(worker));
    if (found === undefined) throw new Error(`the inspector knows no worker ${worker}`);
    const socket = new WebSocket(found.webSocketDebuggerUrl);
    await new Promise((resolve, reject) => {
      socket.addEventListener("open", resolve, { once: true });
      socket.addEventListener("error", () => reject(new Error("the inspector does not answer")), { once: true });
    });
    const profile = new IsolateProfile(socket);
    await profile.#send("Profiler.enable");
    await profile.#send("Profiler.setSamplingInterval", { interval: SAMPLING_MICROS });
    await profile.#send("Profiler.start");
    return profile;
  }

  /** Ends the profile. @returns the part of its time in which the isolate ran code. */
  async busyShare(): Promise<number> {
    const { profile } = Profile.parse(await this.#send("Profiler.stop"));
    const nameOf = new Map(profile.nodes.map(({ id, callFrame }) => [id, callFrame.functionName]));
    // While the thread is not in the isolate no sample is taken, and the next one is said to have lasted all the while.
    const running = profile.samples.filter((node) => !AT_REST.has(nameOf.get(node) ?? "")).length;
    return (running * SAMPLING_MICROS) / (profile.endTime - profile.startTime);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#socket.close();
  }

  #send(method: string, params: object = {}): Promise<unknown> {
    this.#calls += 1;
    const id = this.#calls;
    return new Promise((resolve) => {
      this.#answers.set(id, resolve);
      this.#socket.send(JSON.stringify({ id, method, params }));
    });
  }
}
