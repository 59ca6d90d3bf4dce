import { SluiceException } from "../../../common/exceptions.ts";
import { MessageCalls } from "./message-calls.ts";
import { SANDBOX_METHODS } from "./sandbox-calls.ts";
import type { HostCalls, SandboxCalls } from "./sandbox-calls.ts";

const SCRIPT_URL = new URL("sandbox-worker.ts", import.meta.url).href;

/** Deno's worker, as far as it is used here. */
interface SandboxThread {
  postMessage(message: unknown, transferred: readonly unknown[]): void;
  terminate(): void;
  onerror: ((event: { readonly message: string; preventDefault(): void }) => void) | null;
}

type SandboxThreadClass = new (
  url: string,
  options: { readonly type: "module"; readonly deno: { readonly permissions: "none" } },
) => SandboxThread;

/** Whether this runtime can run code without rights: Deno alone. */
export function hasSandbox(): boolean {
  return "Deno" in globalThis;
}

/** A thread of Deno without any permission, for one job's module. What it does beyond itself is what it calls in `host`. */
export class JobSandbox implements Disposable {
  readonly calls: SandboxCalls;
  readonly #thread: SandboxThread;
  readonly #port: MessagePort;
  readonly #messages: MessageCalls;

  constructor(host: HostCalls | Record<string, never>) {
    // Of Deno, of which no types are here.
    const Thread: unknown = Reflect.get(globalThis, "Worker");
    this.#thread = new (Thread as SandboxThreadClass)(SCRIPT_URL, { type: "module", deno: { permissions: "none" } });
    const { port1, port2 } = new MessageChannel();
    this.#port = port1;
    this.#messages = new MessageCalls((message) => port1.postMessage(message), host);
    port1.onmessage = ({ data }: MessageEvent) => this.#messages.receive(data);
    this.#thread.postMessage(port2, [port2]);
    this.#thread.onerror = (event) => {
      // Otherwise it is an error of this process.
      event.preventDefault();
      this.#end(`it failed: ${event.message}`);
    };
    this.calls = this.#messages.remote<SandboxCalls>(SANDBOX_METHODS);
  }

  /** Ends the thread, whatever it does. */
  [Symbol.dispose](): void {
    this.#end("it was closed");
  }

  #end(reason: string): void {
    this.#thread.terminate();
    this.#port.close();
    this.#messages.end(new SluiceException("UNAVAILABLE", `the sandbox of the job is gone: ${reason}`));
  }
}
