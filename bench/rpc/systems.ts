import { existsSync } from "node:fs";
import { join } from "node:path";
import type { Reason } from "./report/row.ts";

/** Where the calls of a system are made. */
export type System =
  /** By an object in workerd, which the named worker asks. */
  | { readonly kind: "worker"; readonly worker: string; readonly peer?: Peer }
  /** By a process of its own, which is given the server's URL. */
  | { readonly kind: "process"; readonly script: string; readonly peer?: Peer }
  /** By a script that prints the measured value as its last line. */
  | { readonly kind: "script"; readonly script: string; readonly args: readonly string[] };

/** The packages of `bench/package.json`. */
export type Peer = "agents" | "capnweb" | "nact" | "partyserver";

/** The worker of raw RPC and of Sluice, which also answers the server's URL. */
export const MAIN_WORKER = "bench-rpc";

/** A heap that outgrows this ends the process that measures it. */
export const HEAP_BAR_MIB = 128;

/** Everything that is measured, by name. */
export const SYSTEMS = {
  raw: { kind: "worker", worker: MAIN_WORKER },
  sluice: { kind: "worker", worker: MAIN_WORKER },
  "sluice undone by a reset": { kind: "worker", worker: MAIN_WORKER },
  "sluice with a log": { kind: "worker", worker: MAIN_WORKER },
  "sluice endpoint": { kind: "worker", worker: MAIN_WORKER },
  partyserver: { kind: "worker", worker: "bench-partyserver", peer: "partyserver" },
  agents: { kind: "worker", worker: "bench-agents", peer: "agents" },
  "sluice in process": { kind: "process", script: "in-process/sluice.ts" },
  nact: { kind: "process", script: "in-process/nact.ts", peer: "nact" },
  "capnweb in process": { kind: "process", script: "in-process/capnweb.ts", peer: "capnweb" },
  "sluice HTTP": { kind: "process", script: "http/sluice.ts" },
  "sluice held": { kind: "process", script: "http/sluice-held.ts" },
  "sluice HTTP to an object": { kind: "process", script: "http/sluice-object.ts" },
  "raw HTTP": { kind: "process", script: "http/raw-echo.ts" },
  "raw HTTP to an object": { kind: "process", script: "http/raw-object.ts" },
  "capnweb HTTP batch": { kind: "process", script: "http/capnweb-batch.ts", peer: "capnweb" },
  "capnweb WebSocket": { kind: "process", script: "http/capnweb-websocket.ts", peer: "capnweb" },
  "million tells": { kind: "script", script: "memory/million-tells.ts", args: [`--max-heap-size=${HEAP_BAR_MIB}`] },
  "100 methods": { kind: "script", script: "../types/check-time.ts", args: ["100"] },
  "1 method": { kind: "script", script: "../types/check-time.ts", args: ["1"] },
} as const satisfies Record<string, System>;

export type SystemName = keyof typeof SYSTEMS;

/** Why a system cannot be measured here, `undefined` if it can. */
export function absence(name: SystemName): Reason | undefined {
  const system: System = SYSTEMS[name];
  if (system.kind === "script" || system.peer === undefined || isInstalled(system.peer)) return undefined;
  return `skipped: ${system.peer} is not installed (npm run bench:install)`;
}

export function isInstalled(peer: Peer): boolean {
  return existsSync(join(import.meta.dirname, "../node_modules", peer));
}
