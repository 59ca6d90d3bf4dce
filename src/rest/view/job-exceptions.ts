import type { z } from "zod";
import type { ExceptionHistoryEntry, ExecutionGraphInfo } from "../../runtime/messages/execution-graph-info.ts";
import type { JobExceptionsInfoWithHistory } from "../messages/job-messages.ts";

type Info = z.output<typeof JobExceptionsInfoWithHistory>;
type Entry = Omit<ExceptionHistoryEntry, "concurrent">;

export interface ExceptionsSelection {
  readonly maxExceptions: number;
  /** An entry must carry all of them. */
  readonly labels: ReadonlyMap<string, string>;
}

/** Failures newest first (the control plane keeps the oldest first); contract: rest-v1 5.8 and facts 58-60. */
export function jobExceptions(info: ExecutionGraphInfo, selection: ExceptionsSelection): Info {
  const selected = info.exceptionHistory
    .filter(({ labels }) => [...selection.labels].every(([key, value]) => labels[key] === value))
    .toReversed();
  const entries = selected.slice(0, selection.maxExceptions);
  const root = info.exceptionHistory.at(-1);
  const truncated = entries.length < selected.length;
  return {
    "root-exception": info.failure?.stack ?? root?.failure.stack ?? null,
    timestamp: root?.timestampMillis ?? null,
    "all-exceptions": entries.map((entry) => ({
      exception: entry.failure.stack,
      task: entry.taskName ?? "(global failure)",
      location: entry.location ?? "(unassigned)",
      endpoint: entry.location ?? "(unassigned)",
      timestamp: entry.timestampMillis,
      taskManagerId: entry.location ?? "(unassigned)",
    })),
    truncated,
    exceptionHistory: {
      entries: entries.map((entry) => ({
        ...exceptionInfo(entry),
        concurrentExceptions: entry.concurrent.map(exceptionInfo),
      })),
      truncated,
    },
  };
}

function exceptionInfo(entry: Entry) {
  return {
    exceptionName: entry.failure.name,
    stacktrace: entry.failure.stack,
    timestamp: entry.timestampMillis,
    failureLabels: { ...entry.labels },
    taskName: entry.taskName ?? null,
    endpoint: entry.location ?? null,
    location: entry.location ?? null,
    taskManagerId: entry.location ?? null,
  };
}
