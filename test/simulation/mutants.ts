/** A bug, planted by a change of one place of the sources. */
export interface Mutant {
  readonly name: string;
  /** Below the repository's root. */
  readonly file: string;
  /** Occurs once in the file. */
  readonly find: string;
  readonly replace: string;
}

/** Bugs that the simulation must find. Each breaks one promise, and only under faults or at the end of a job. */
export const MUTANTS: readonly Mutant[] = [
  {
    name: "no fence: a stale token is let in",
    file: "src/rpc/message-turn.ts",
    find: "this.#served.descriptor.fenced ? this.#host.checkToken(this.#message) : undefined",
    replace: "undefined",
  },
  {
    name: "messages of a superseded instance are carried out",
    file: "src/rpc/rpc-dispatch.ts",
    find: "!internals.peers.accept(head.sender)",
    replace: "internals.peers.accept(head.sender) === undefined",
  },
  {
    name: "a recovered JobMaster keeps its epoch",
    file: "src/runtime/jobmaster/job-master.ts",
    find: "    this.grantEpoch();\n",
    replace: "",
  },
  {
    name: "attempt numbers are not stored",
    file: "src/runtime/jobmaster/job-master-storage.ts",
    find: '    this.#storage.put("attempt-number", attemptNumber);\n',
    replace: "    void attemptNumber;\n",
  },
  {
    name: "half of the acknowledgements are enough",
    file: "src/runtime/checkpoint/checkpoint-trigger.ts",
    find: "pending.acknowledged.size === pending.plan.waitFor.size",
    replace: "pending.acknowledged.size * 2 >= pending.plan.waitFor.size",
  },
  {
    name: "metadata is committed before the last acknowledgement",
    file: "src/runtime/checkpoint/checkpoint-trigger.ts",
    find: "pending.acknowledged.size === pending.plan.waitFor.size",
    replace: "pending.acknowledged.size >= Math.max(1, pending.plan.waitFor.size - 1)",
  },
  {
    name: "the newest checkpoint is dropped instead of the oldest",
    file: "src/runtime/checkpoint/checkpoint-progress.ts",
    find: "dropped: dropped.map((old) => old.checkpointId),",
    replace: "dropped: dropped.length === 0 ? [] : [checkpoint.checkpointId],",
  },
  {
    name: "a job that fails over starts empty",
    file: "src/runtime/jobmaster/job-execution.ts",
    find: "createTaskDeployments(this.graph, effect.attemptIds, this.#restoreOf)",
    replace: "createTaskDeployments(this.graph, effect.attemptIds, () => undefined)",
  },
  {
    name: "restarts are not capped",
    file: "src/runtime/scheduler/restart-strategy.ts",
    find: "restarts.charged < strategy.attempts",
    replace: "restarts.charged >= 0",
  },
  {
    name: "a slot is freed before its tasks have ended",
    file: "src/runtime/taskexecutor/task-worker.ts",
    find: "if (this.#slots.markInactive(allocationId)) this.#slotTimeouts.arm(allocationId);",
    replace: "this.#slots.free(allocationId);",
  },
  {
    name: "an accepted job is not started after a crash in between",
    file: "src/runtime/dispatcher/job-launcher.ts",
    find: "    this.#services.timers.setAfter(START_TIMER + job.jobId, RETRY_DELAY);\n",
    replace: "",
  },
  {
    name: "a result is marked clean before the cleanup",
    file: "src/runtime/dispatcher/job-cleanup.ts",
    find: "return ask<Acknowledge, undefined>(released, releaseJobMaster, fail);",
    replace: "results.markClean(jobId);\n    return ask<Acknowledge, undefined>(released, releaseJobMaster, fail);",
  },
  {
    name: "the end of a job is told once only",
    file: "src/runtime/jobmaster/terminal-handover.ts",
    find: "this.#tell(peer, { ...attempt, delayMillis: Math.min(attempt.delayMillis * 2, MAX_RETRY_MILLIS) });",
    replace: "void MAX_RETRY_MILLIS;",
  },
  {
    name: "output is committed with the snapshot, not with the completed checkpoint",
    file: "src/streaming/task/subtask-checkpoints.ts",
    find: "      await chain.stage(objects);\n",
    replace: "      await chain.stage(objects);\n      await chain.commit(checkpointId, objects);\n",
  },
  {
    name: "pending output is not part of the snapshot",
    file: "src/streaming/sink/ndjson-sink-writer.ts",
    find: "return codec.encode(this.#committables);",
    replace: "return codec.encode(this.#committables.slice(this.#committables.length));",
  },
  {
    name: "a source's position is saved one record late",
    file: "src/streaming/source/indexed-source-reader.ts",
    find: "{ splits: this.#splits, recordsRead",
    replace: "{ splits: this.#splits.map((each) => ({ ...each, next: each.next + each.step })), recordsRead",
  },
  {
    name: "channels are not blocked while a barrier is awaited",
    file: "src/streaming/network/barrier-aligner.ts",
    find: "return this.#pending?.arrived.has(channel) ?? false;",
    replace: "return this.#pending?.arrived.has(channel) === null;",
  },
  {
    name: "tasks of a job that fails over are not cancelled",
    file: "src/runtime/scheduler/failover.ts",
    find: 'if (deployed.length > 0) effects.push({ kind: "cancel-tasks", attemptIds: idsOf(deployed) });',
    replace: "void effects;",
  },
  {
    name: "an accepted cancel is not stored",
    file: "src/runtime/jobmaster/scheduler-event-recorder.ts",
    find: 'storage.putEnding({ kind: "cancel" });',
    replace: "void storage;",
  },
  {
    name: "staged output of two attempts has one name",
    file: "src/streaming/sink/ndjson-sink-writer.ts",
    find: "this.#attemptNumber = attemptNumber;",
    replace: "this.#attemptNumber = attemptNumber * 0;",
  },
  {
    name: "the end of a task is reported once only",
    file: "src/runtime/taskexecutor/job-manager-connection.ts",
    find: "this.#later(RETRY_DELAY, () => this.#report());",
    replace: "void RETRY_DELAY;",
  },
  {
    name: "a job that has stopped with a savepoint may start again from an older checkpoint",
    file: "src/runtime/jobmaster/running-job.ts",
    find: 'storage.putEnding({ kind: "stop", location });',
    replace: "void location;",
  },
  {
    name: "checkpoint ids are used again after a recovery",
    file: "src/runtime/jobmaster/job-master-storage.ts",
    find: 'this.#storage.put("checkpoint-ids", upTo);',
    replace: "void upTo;",
  },
  {
    name: "a job sleeps although something was sent to it",
    file: "src/runtime/jobmaster/job-inlets.ts",
    find: "records === (read[subtask] ?? 0)",
    replace: "records >= 0",
  },
  {
    name: "a batch that is sent again is stored again",
    file: "src/runtime/jobmaster/job-inlets.ts",
    find: "producer.sequence <= last;",
    replace: "producer.sequence < last;",
  },
  {
    name: "a job that sleeps forgets when to wake",
    file: "src/runtime/jobmaster/job-master.ts",
    find: "this.timers.set(WAKE_UP, stored.dueMillis);",
    replace: "void WAKE_UP;",
  },
];
