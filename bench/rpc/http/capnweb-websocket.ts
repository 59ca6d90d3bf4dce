import { newWebSocketRpcSession } from "capnweb";
import { serveLoads } from "../in-process/serve-loads.ts";
import { capnwebTarget } from "../peers/capnweb/bench-rpc-target.ts";
import type { BenchRpcTarget } from "../peers/capnweb/bench-rpc-target.ts";
import { serverUrl } from "./address.ts";

const url = serverUrl("/capnweb");
url.protocol = "ws:";
serveLoads(capnwebTarget(newWebSocketRpcSession<BenchRpcTarget>(url.href)));
