import { ROOT_CONTEXT } from "./call-context.ts";
import { PeerTracker } from "./fencing/peer-tracker.ts";
import type { GatewayCaller } from "./gateway-caller.ts";
import type { HostPorts } from "./host-ports.ts";

/** The caller behind the gateways of a service: code that is no endpoint and has no turns. */
export function outsideCaller(ports: Pick<HostPorts, "rpcService" | "clock" | "ids">): GatewayCaller {
  const { rpcService, clock, ids } = ports;
  const name = ids.hex();
  let requests = 0;
  return {
    clock,
    defaultTimeout: rpcService.defaultTimeout,
    deadLetters: rpcService.deadLetters,
    filters: rpcService.filters?.outgoing ?? [],
    peers: new PeerTracker(),
    sender: undefined,
    now: () => clock.now(),
    context: () => ROOT_CONTEXT,
    requestIdPrefix: `${name}:`,
    nextRequestNumber: () => (requests += 1),
    openChannel: (address) => rpcService.openChannel(address),
    hold: (action) => action.send(),
    forgetful: false,
  };
}
