import { spawn } from "node:child_process";
import type { ChildProcess } from "node:child_process";
import { once } from "node:events";
import { join, resolve } from "node:path";

/** A JavaScript runtime, and the command that runs a TypeScript file in it. */
export interface Runtime {
  readonly name: "Node" | "Bun" | "Deno";
  readonly command: readonly [string, ...string[]];
}

const ROOT = join(import.meta.dirname, "../..");
const bin = (name: string): string => join(ROOT, "node_modules/.bin", name);

/** Those of `npm run standalone:deno`. */
const DENO_OPTIONS = [
  "--unstable-worker-options",
  "--no-prompt",
  "--no-remote",
  "--cached-only",
  "--allow-net",
  "--allow-read",
  "--allow-write",
  "--allow-env",
] as const;

/** All that the product runs on beside workerd; the binaries come with `npm ci`. */
export const RUNTIMES: readonly Runtime[] = [
  { name: "Node", command: [bin("node")] },
  { name: "Bun", command: [bin("bun")] },
  { name: "Deno", command: [bin("deno"), "run", "--quiet", ...DENO_OPTIONS] },
];

/** A script running in one of the runtimes, in a process of its own. `await using` kills it. */
export class RuntimeProcess implements AsyncDisposable {
  readonly #child: ChildProcess;
  readonly #exited: Promise<unknown>;
  #output = "";
  #errors = "";

  constructor(runtime: Runtime, script: string, args: readonly string[]) {
    const [program, ...options] = runtime.command;
    this.#child = spawn(program, [...options, resolve(ROOT, script), ...args], {
      cwd: ROOT,
      stdio: ["ignore", "pipe", "pipe"],
      env: { ...process.env, NO_COLOR: "1" },
    });
    this.#exited = once(this.#child, "close");
    this.#child.stdout?.setEncoding("utf8").on("data", (text: string) => (this.#output += text));
    this.#child.stderr?.setEncoding("utf8").on("data", (text: string) => (this.#errors += text));
  }

  get output(): string {
    return this.#output;
  }

  /** The first part of the output that `pattern` matches. @throws Error with all it printed if it ends before. */
  async printed(pattern: RegExp): Promise<string> {
    for (;;) {
      const [found] = pattern.exec(this.#output) ?? [];
      if (found !== undefined) return found;
      const ended = await Promise.race([
        once(this.#child.stdout ?? this.#child, "data").then(() => false),
        this.#exited.then(() => true),
      ]);
      if (ended && !pattern.test(this.#output)) throw new Error(`it ended:\n${this.#output}${this.#errors}`);
    }
  }

  /** Everything it printed until it ended by itself. @throws Error if it failed. */
  async finished(): Promise<string> {
    await this.#exited;
    if (this.#child.exitCode !== 0)
      throw new Error(`exit code ${this.#child.exitCode}:\n${this.#output}${this.#errors}`);
    return this.#output;
  }

  /** SIGKILL: nothing is told, nothing is flushed. */
  async kill(): Promise<void> {
    if (this.#child.exitCode === null && this.#child.signalCode === null) this.#child.kill("SIGKILL");
    await this.#exited;
  }

  /** SIGINT, and what it exits with. */
  async interrupt(): Promise<number | null> {
    this.#child.kill("SIGINT");
    await this.#exited;
    return this.#child.exitCode;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.kill();
  }
}
