import type { Clock } from "../../common/clock.ts";
import { TaskHostCore } from "../../streaming/task/task-host-core.ts";
import type { JobModuleLoader } from "./job-module-loader.ts";
import type { HostedTasks, TaskParts } from "./standalone-task-hosts.ts";

/** Runs tasks in this process, user code included; see {@link JobModuleLoader}. */
export function inProcessTasks(loader: JobModuleLoader, clock: Clock): (parts: TaskParts) => Promise<HostedTasks> {
  return async ({ self, text, name, objects, links }) => {
    const definition = await loader.load(text, name);
    const core = new TaskHostCore({ self, definition, clock, objects: () => objects, links });
    // It works only inside calls, of which none comes any more.
    return Object.assign(core, { close: () => undefined });
  };
}
