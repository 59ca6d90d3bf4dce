import { newHttpBatchRpcSession } from "capnweb";
import type { RpcStub } from "capnweb";
import { serveLoads } from "../in-process/serve-loads.ts";
import { capnwebTarget } from "../peers/capnweb/bench-rpc-target.ts";
import type { BenchRpcTarget } from "../peers/capnweb/bench-rpc-target.ts";
import type { BenchTarget } from "../target/bench-target.ts";
import { serverUrl } from "./address.ts";

const url = serverUrl("/capnweb").href;
let batch: RpcStub<BenchRpcTarget> | undefined;

/** A batch ends with the turn that began it; the next call begins another. */
function target(): BenchTarget {
  if (batch === undefined) {
    batch = newHttpBatchRpcSession<BenchRpcTarget>(url);
    queueMicrotask(() => (batch = undefined));
  }
  return capnwebTarget(batch);
}

serveLoads({
  increment: (by) => target().increment(by),
  quote: (order) => target().quote(order),
  note: (by) => target().note(by),
  noted: () => target().noted(),
  pause: (millis) => target().pause(millis),
});
