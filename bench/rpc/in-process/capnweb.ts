import { MessageChannel } from "node:worker_threads";
import { newMessagePortRpcSession } from "capnweb";
import { BenchRpcTarget, capnwebTarget } from "../peers/capnweb/bench-rpc-target.ts";
import { serveLoads } from "./serve-loads.ts";

const { port1, port2 } = new MessageChannel();
newMessagePortRpcSession(port1, new BenchRpcTarget());
serveLoads(capnwebTarget(newMessagePortRpcSession<BenchRpcTarget>(port2)));
