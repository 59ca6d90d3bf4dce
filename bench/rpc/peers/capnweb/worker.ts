import { newWorkersRpcResponse } from "capnweb";
import { BenchRpcTarget } from "./bench-rpc-target.ts";

/** One target for all sessions: an HTTP batch is a session of its own, and the sums must go on. */
const target = new BenchRpcTarget();

export default {
  /** Answers HTTP batches and WebSockets. */
  fetch: (request) => newWorkersRpcResponse(request, target),
} satisfies ExportedHandler;
