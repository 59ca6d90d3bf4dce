import { judge } from "../rpc/report/row.ts";
import type { Row } from "../rpc/report/row.ts";
import { median, percentile } from "../rpc/report/statistics.ts";
import { CORE_PHASES } from "./core/core-result.ts";
import type { CorePhase, Growth } from "./core/core-result.ts";
import { countDurableWrites } from "./counts/durable-writes.ts";
import { countIdleInvocations } from "./counts/idle-invocations.ts";
import { measureQuiescentJob } from "./counts/quiescent-job.ts";
import { ControlServer } from "./http/control-server.ts";
import { JobTimes } from "./http/job-times.ts";
import { SLOTS_PER_TASK_EXECUTOR } from "../../src/runtime/jobgraph/job-configuration.ts";
import { runSteadyJob } from "./steady/steady-job.ts";
import { measureCore } from "./measure-core.ts";

export interface BenchOptions {
  /** Runs of jobs over HTTP, each of the kinds. */
  readonly jobs: number;
  /** How long an idle cluster is watched. */
  readonly idleSeconds: number;
  /** How long a job of 100 TaskExecutors is watched. */
  readonly steadySeconds: number;
  /** Passes of the core at each size. */
  readonly rounds: number;
}

/** Some rows that are measured together. */
export interface Experiment {
  readonly name: string;
  readonly measure: (options: BenchOptions) => Promise<readonly Row[]>;
}

const WIDE_SUBTASKS = 20_000;
const MAX_WIDE_SECONDS = 5;
const MAX_HEAP_MEBIBYTES = 128;
/** Old and young generation together end at the bar: going over it is a crash. */
const HEAP_OPTIONS = ["--max-old-space-size=112", "--max-semi-space-size=5"];
const MAX_GROWTH = 1.5;
/** The size supported on Workers. */
const SUPPORTED_SUBTASKS = 2_000;
const MIN_ACKNOWLEDGEMENTS_PER_SECOND = 50_000;
const ACKNOWLEDGED_CHECKPOINTS = 20;
const MAX_START_MULTIPLE = 2.5;
const MAX_RESULT_MILLIS = 500;
const WARM_UP_JOBS = 2;
const P50 = 0.5;
const P99 = 0.99;
const MILLIS_PER_SECOND = 1_000;
const SECONDS_PER_HOUR = 3_600;
const MAX_WRITES = 2;
const STEADY_TASK_EXECUTORS = 100;
const PERCENT = 100;

export const EXPERIMENTS: readonly Experiment[] = [
  { name: "10,000 x 10,000, built to finished", measure: wideJob },
  { name: "time per subtask", measure: timePerSubtask },
  { name: "checkpoint acknowledgements", measure: acknowledgements },
  { name: "durable writes", measure: durableWrites },
  { name: "jobs over HTTP", measure: jobsOverHttp },
  { name: "100 TaskExecutors", measure: steadyJob },
  { name: "idle cluster", measure: idleCluster },
  { name: "quiescent job", measure: quiescentJob },
];

async function wideJob(): Promise<readonly Row[]> {
  const { seconds, peakMebibytes } = await measureCore({
    load: "whole job",
    subtasks: WIDE_SUBTASKS,
    rounds: 1,
    nodeOptions: HEAP_OPTIONS,
  });
  const name = "job of 10,000 x 10,000, built to finished";
  return [
    judge(
      { name, unit: "s", bar: { kind: "value", atMost: MAX_WIDE_SECONDS } },
      { value: seconds, baseline: undefined },
    ),
    judge(
      { name: `${name}, peak heap`, unit: "MiB", bar: { kind: "value", atMost: MAX_HEAP_MEBIBYTES } },
      { value: peakMebibytes, baseline: undefined },
    ),
  ];
}

/** A hundred jobs of 1,000 subtasks against one of 100,000: the same work but for its width. */
async function timePerSubtask({ rounds }: BenchOptions): Promise<readonly Row[]> {
  const { growth = [] } = await measureCore({ load: "growth", rounds, nodeOptions: ["--expose-gc"] });
  const middle = (width: keyof Growth, phase: CorePhase): number => median(growth.map((pass) => pass[width][phase]));
  return CORE_PHASES.map((phase) =>
    judge(
      {
        name: `${phase}, per subtask of 100,000 against of 1,000`,
        unit: "µs",
        bar: { kind: "ratio at most", atMost: MAX_GROWTH },
      },
      { value: middle("large", phase), baseline: middle("small", phase) },
    ),
  );
}

async function acknowledgements(): Promise<readonly Row[]> {
  const { acknowledgementsPerSecond } = await measureCore({
    load: "acknowledgements",
    subtasks: SUPPORTED_SUBTASKS,
    rounds: ACKNOWLEDGED_CHECKPOINTS,
  });
  return [
    judge(
      {
        name: "checkpoint acknowledgements, 2,000 subtasks",
        unit: "acks/s",
        bar: { kind: "rate", atLeast: MIN_ACKNOWLEDGEMENTS_PER_SECOND },
      },
      { value: acknowledgementsPerSecond, baseline: undefined },
    ),
  ];
}

async function durableWrites(): Promise<readonly Row[]> {
  const { submission, checkpoint } = await countDurableWrites();
  const bar = { kind: "value", atMost: MAX_WRITES } as const;
  return [
    judge(
      { name: "durable writes that a submission waits for", unit: "writes", bar },
      { value: submission, baseline: undefined },
    ),
    judge(
      { name: "durable writes of the JobMaster in a checkpoint", unit: "writes", bar },
      { value: checkpoint, baseline: undefined },
    ),
  ];
}

async function jobsOverHttp({ jobs }: BenchOptions): Promise<readonly Row[]> {
  const times: Record<"bare" | "running" | "canceled" | "result", number[]> = {
    bare: [],
    running: [],
    canceled: [],
    result: [],
  };
  await using server = await ControlServer.start();
  const jobTimes = await JobTimes.prepare(server);
  for (let job = 0; job < WARM_UP_JOBS + jobs; job += 1) {
    const bare = await jobTimes.loadBare();
    const { running, canceled } = await jobTimes.runAndCancel();
    const result = await jobTimes.runToLastResult();
    if (job < WARM_UP_JOBS) continue;
    times.bare.push(bare);
    times.running.push(running);
    times.canceled.push(canceled);
    times.result.push(result);
  }
  return [
    judge(
      {
        name: "submission to all tasks RUNNING against the same isolates bare, p50",
        unit: "ms",
        bar: { kind: "ratio at most", atMost: MAX_START_MULTIPLE },
      },
      { value: percentile(times.running, P50), baseline: percentile(times.bare, P50) },
    ),
    judge(
      {
        name: "bounded job of 1,000 records, submission to the last result, p50",
        unit: "ms",
        bar: { kind: "value", atMost: MAX_RESULT_MILLIS },
      },
      { value: percentile(times.result, P50), baseline: undefined },
    ),
    judge(
      { name: "cancel to CANCELED, p50", unit: "ms", bar: { kind: "reported" } },
      { value: percentile(times.canceled, P50), baseline: undefined },
    ),
    judge(
      { name: "cancel to CANCELED, p99", unit: "ms", bar: { kind: "reported" } },
      { value: percentile(times.canceled, P99), baseline: undefined },
    ),
  ];
}

async function steadyJob({ steadySeconds }: BenchOptions): Promise<readonly Row[]> {
  const parallelism = STEADY_TASK_EXECUTORS * SLOTS_PER_TASK_EXECUTOR;
  const { subtasks, completed, failed, busyShare } = await runSteadyJob(parallelism, steadySeconds * MILLIS_PER_SECOND);
  const name = `100 TaskExecutors x ${subtasks / STEADY_TASK_EXECUTORS} scripted tasks, a checkpoint a second`;
  // The last one of the time may be under way.
  const expected = { kind: "rate", atLeast: steadySeconds - 1 } as const;
  return [
    judge(
      { name: `${name}: completed in ${steadySeconds} s`, unit: "checkpoints", bar: expected },
      { value: completed, baseline: undefined },
    ),
    judge(
      { name: `${name}: failed`, unit: "checkpoints", bar: { kind: "value", atMost: 0 } },
      { value: failed, baseline: undefined },
    ),
    judge(
      { name: `${name}: the JobMaster's busy share`, unit: "%", bar: { kind: "reported" } },
      { value: busyShare * PERCENT, baseline: undefined },
    ),
  ];
}

async function idleCluster({ idleSeconds }: BenchOptions): Promise<readonly Row[]> {
  return [
    judge(
      { name: `events of an idle cluster in ${idleSeconds} s`, unit: "events", bar: { kind: "value", atMost: 0 } },
      { value: await countIdleInvocations(idleSeconds * MILLIS_PER_SECOND), baseline: undefined },
    ),
  ];
}

async function quiescentJob({ idleSeconds, jobs }: BenchOptions): Promise<readonly Row[]> {
  const { events, wakeMillis, wakeEvents } = await measureQuiescentJob({
    idleMillis: idleSeconds * MILLIS_PER_SECOND,
    wakeUps: jobs,
  });
  const wake = "a record pushed to a quiescent job, to its committed row";
  return [
    judge(
      { name: "invocations of a quiescent job per hour", unit: "events", bar: { kind: "value", atMost: 0 } },
      { value: (events * SECONDS_PER_HOUR) / idleSeconds, baseline: undefined },
    ),
    judge(
      { name: `${wake}, p50`, unit: "ms", bar: { kind: "reported" } },
      { value: percentile(wakeMillis, P50), baseline: undefined },
    ),
    judge(
      { name: `${wake}, p99`, unit: "ms", bar: { kind: "reported" } },
      { value: percentile(wakeMillis, P99), baseline: undefined },
    ),
    judge(
      { name: "invocations from such a push until it sleeps again, p50", unit: "events", bar: { kind: "reported" } },
      { value: percentile(wakeEvents, P50), baseline: undefined },
    ),
  ];
}
