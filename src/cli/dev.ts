import { mkdir } from "node:fs/promises";
import { join, resolve } from "node:path";
import { untilAborted } from "./abortable.ts";
import type { CommandContext } from "./command-context.ts";
import { requireFreePort } from "./free-port.ts";
import { LocalWorker } from "./local-worker.ts";

export interface DevOptions {
  readonly port: number;
  /** Where jobs, objects and checkpoints are kept from one start to the next. */
  readonly state: string;
}

/** Serves the platform until Ctrl-C. */
export async function dev({ out, root, signal }: CommandContext, options: DevOptions): Promise<void> {
  await requireFreePort(options.port);
  const folder = resolve(root, options.state);
  await mkdir(folder, { recursive: true });
  let ready = false;
  out.live("sluice dev · starting …");
  const worker = await LocalWorker.start({
    root,
    port: options.port,
    stateFolder: folder,
    logFile: join(folder, "worker.log"),
    watch: true,
    signal,
    // What it prints while it starts is of interest only if it fails, and then it is shown.
    onLine: (line) => ready && out.line(line),
  }).finally(() => out.clear());
  ready = true;
  out.line(`sluice dev · http://localhost:${options.port}, state in ${folder}, stop with Ctrl-C`);
  out.line(
    `  Run a job:  npm run submit -- my-job.ts${options.port === 8787 ? "" : ` --url http://localhost:${options.port}`}`,
  );
  out.line(
    `  Look at it: http://localhost:${options.port}/ in a browser, or curl http://localhost:${options.port}/v1/jobs/overview`,
  );
  try {
    await untilAborted(signal);
  } finally {
    await worker.stop();
  }
}
