import type { Load } from "./load/load.ts";
import type { Bar, Reason, RowHead } from "./report/row.ts";
import { HEAP_BAR_MIB } from "./systems.ts";
import type { SystemName } from "./systems.ts";

/** One thing to measure: a system under a load. */
export interface Side {
  readonly system: SystemName;
  readonly load: Load;
  readonly width: number;
}

/** Something of Sluice's that does not exist yet; its rows fail and say so. */
export interface Missing {
  readonly missing: Reason;
}

export interface RowDefinition extends RowHead {
  readonly ours: Side | Missing;
  readonly baseline?: Side;
}

/** Rows whose sides are measured in the same rounds, one after the other. */
export type Experiment = readonly RowDefinition[];

const IN_FLIGHT = 256;
const TELLS = 4_096;
const HTTP_IN_FLIGHT = 64;
const MAX_BILLED_CALLS = 10;
const MAX_DELAY_MILLIS = 5;
const MAX_CHECK_SECONDS = 2;

const atLeast = (times: number): Bar => ({ kind: "ratio", atLeast: times });
const AHEAD: Bar = { kind: "ahead" };
const REPORTED: Bar = { kind: "reported" };

function side(system: SystemName, load: Load, width = 1): Side {
  return { system, load, width };
}

/**
 * Object to object: Sluice against raw RPC, called in the same loops from an object that is no endpoint, and from an
 * endpoint's turns; and in the same rounds against the peers that can do it.
 */
function objectToObject(
  name: string,
  { load, width, system = "sluice" }: { readonly load: Load; readonly width?: number; readonly system?: SystemName },
  bar: Bar,
): Experiment {
  const of = (named: SystemName): Side => side(named, load, width);
  const [ours, raw] = [of(system), of("raw")];
  return [
    { name, unit: "calls/s", bar, ours, baseline: raw },
    { name: `${name}, from an endpoint`, unit: "calls/s", bar, ours: of("sluice endpoint"), baseline: raw },
    { name: `${name}, against partyserver`, unit: "calls/s", bar: AHEAD, ours, baseline: of("partyserver") },
    { name: `${name}, against agents`, unit: "calls/s", bar: AHEAD, ours, baseline: of("agents") },
  ];
}

/**
 * The same for a method that writes, as an author declares it who knows that nothing can throw after the write: like those
 * of the peers, its turns take no savepoint. Then with one, as they are by default, which undoes the turn alone.
 */
function durableWrites(name: string, load: { readonly load: Load; readonly width?: number }, bar: Bar): Experiment {
  const sideOf = (system: SystemName): Side => side(system, load.load, load.width);
  const rows = objectToObject(name, { ...load, system: "sluice undone by a reset" }, bar);
  const savepoint = (["raw", "partyserver", "agents"] as const).map((system) => ({
    name: `${name}, with a savepoint${system === "raw" ? "" : `, against ${system}`}`,
    unit: "calls/s" as const,
    bar: system === "raw" ? bar : REPORTED,
    ours: sideOf("sluice"),
    baseline: sideOf(system),
  }));
  return [...rows, ...savepoint];
}

/** Sluice's side of a comparison in process with that of a peer. */
function inProcess(name: string, peer: SystemName, load: { readonly load: Load; readonly width?: number }): Experiment {
  const [ours, baseline] = [side("sluice in process", load.load, load.width), side(peer, load.load, load.width)];
  return [{ name, unit: "calls/s", bar: peer === "nact" ? atLeast(1) : AHEAD, ours, baseline }];
}

/** Sluice's client against another one of the same server. */
function overHttp(
  name: string,
  sides: { readonly ours: SystemName; readonly theirs: SystemName; readonly width: number },
  bar: Bar,
): Experiment {
  const { ours, theirs, width } = sides;
  const load = width === 1 ? "one at a time" : "in flight";
  return [{ name, unit: "calls/s", bar, ours: side(ours, load, width), baseline: side(theirs, load, width) }];
}

/** Every row of the table, in its order. */
export const EXPERIMENTS: readonly Experiment[] = [
  objectToObject("one ask at a time", { load: "one at a time" }, atLeast(0.85)),
  objectToObject("256 asks in flight, scalar", { load: "in flight", width: IN_FLIGHT }, atLeast(40)),
  objectToObject("256 asks in flight, six-field object", { load: "in flight, object", width: IN_FLIGHT }, atLeast(15)),
  objectToObject("256 callers out of step, scalar", { load: "out of step", width: IN_FLIGHT }, atLeast(15)),
  objectToObject("tells, one turn of 4,096, scalar", { load: "tells", width: TELLS }, atLeast(60)),
  [
    {
      name: "one slow call among 255 fast, p99 of the fast",
      unit: "ms",
      bar: { kind: "difference", atMost: MAX_DELAY_MILLIS },
      ours: side("sluice", "batches with a slow call", IN_FLIGHT),
      baseline: side("sluice", "batches", IN_FLIGHT),
    },
  ],
  [
    {
      name: "billed requests per 1,000 asks, 256 in flight",
      unit: "calls",
      bar: { kind: "value", atMost: MAX_BILLED_CALLS },
      ours: side("sluice", "thousand calls", IN_FLIGHT),
      baseline: side("raw", "thousand calls", IN_FLIGHT),
    },
  ],
  durableWrites("ask with one durable write, one at a time", { load: "durable, one at a time" }, atLeast(0.85)),
  durableWrites(
    "ask with one durable write, 256 in flight",
    { load: "durable, in flight", width: IN_FLIGHT },
    atLeast(20),
  ),
  inProcess("local ask in process, one at a time, against nact", "nact", { load: "one at a time" }),
  inProcess("local ask in process, 256 in flight, against nact", "nact", { load: "in flight", width: IN_FLIGHT }),
  overHttp(
    "HTTP, one ask at a time, against a raw echo",
    { ours: "sluice HTTP", theirs: "raw HTTP", width: 1 },
    atLeast(0.8),
  ),
  overHttp(
    "HTTP, 64 asks in flight, against a raw echo",
    { ours: "sluice HTTP", theirs: "raw HTTP", width: HTTP_IN_FLIGHT },
    atLeast(4),
  ),
  overHttp(
    "HTTP to an object, one ask at a time, against a route to raw RPC",
    { ours: "sluice HTTP to an object", theirs: "raw HTTP to an object", width: 1 },
    atLeast(0.8),
  ),
  overHttp(
    "HTTP to an object, 64 asks in flight, against a route to raw RPC",
    { ours: "sluice HTTP to an object", theirs: "raw HTTP to an object", width: HTTP_IN_FLIGHT },
    atLeast(4),
  ),
  inProcess("in process, one ask at a time, against capnweb", "capnweb in process", { load: "one at a time" }),
  inProcess("in process, 256 asks in flight, against capnweb", "capnweb in process", {
    load: "in flight",
    width: IN_FLIGHT,
  }),
  overHttp(
    "HTTP batch of 64, against capnweb",
    { ours: "sluice HTTP", theirs: "capnweb HTTP batch", width: HTTP_IN_FLIGHT },
    AHEAD,
  ),
  overHttp(
    "one held connection, one ask at a time, against capnweb",
    { ours: "sluice held", theirs: "capnweb WebSocket", width: 1 },
    AHEAD,
  ),
  overHttp(
    "one held connection, 256 asks in flight, against capnweb",
    { ours: "sluice held", theirs: "capnweb WebSocket", width: IN_FLIGHT },
    AHEAD,
  ),
  [
    {
      name: "message log on, 256 asks in flight, against off",
      unit: "calls/s",
      bar: atLeast(0.5),
      ours: side("sluice with a log", "in flight", IN_FLIGHT),
      baseline: side("sluice", "in flight", IN_FLIGHT),
    },
  ],
  [
    {
      name: "heap of 1,000,000 tells through one endpoint",
      unit: "MiB",
      bar: { kind: "value", atMost: HEAP_BAR_MIB },
      ours: side("million tells", "tells"),
    },
  ],
  [
    {
      name: "type check of a gateway with 100 methods, against one with 1",
      unit: "s",
      bar: { kind: "value", atMost: MAX_CHECK_SECONDS },
      ours: side("100 methods", "one at a time"),
      baseline: side("1 method", "one at a time"),
    },
  ],
];
