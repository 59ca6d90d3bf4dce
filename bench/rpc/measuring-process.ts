import { fork } from "node:child_process";
import type { ChildProcess } from "node:child_process";
import type { MeasureReply } from "./in-process/serve-loads.ts";
import type { LoadPlan, LoadResult } from "./load/load.ts";

/** A process that makes calls when it is told to: each system in process has one, so that none runs in code the other warmed. */
export class MeasuringProcess implements Disposable {
  readonly #script: string;
  readonly #child: ChildProcess;

  private constructor(script: string, child: ChildProcess) {
    this.#script = script;
    this.#child = child;
  }

  static async start(script: string, args: readonly string[]): Promise<MeasuringProcess> {
    const started = new MeasuringProcess(script, fork(script, args));
    await started.#reply();
    return started;
  }

  async measure(plan: LoadPlan): Promise<LoadResult> {
    const reply = this.#reply();
    this.#child.send(plan);
    // Sent by serveLoads.
    const answer = (await reply) as MeasureReply;
    if ("failure" in answer) throw new Error(`${this.#script}: ${answer.failure}`);
    return answer.result;
  }

  [Symbol.dispose](): void {
    this.#child.kill();
  }

  #reply(): Promise<unknown> {
    const { promise, resolve, reject } = Promise.withResolvers<unknown>();
    const ended = (code: number | null): void => reject(new Error(`${this.#script} ended with code ${String(code)}`));
    this.#child.once("exit", ended);
    this.#child.once("message", (message: unknown) => {
      this.#child.off("exit", ended);
      resolve(message);
    });
    return promise;
  }
}
