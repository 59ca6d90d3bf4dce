import { ask, defineGateway } from "../gateway-descriptor.ts";
import type { GatewayOf } from "../gateway-descriptor.ts";
import type { StoredMessageLog } from "./message-ring.ts";

/**
 * Gives the message log of an endpoint away, for replay. Served by endpoints that name it among their gateways: the log holds
 * every argument of every message. Reading it is no entry of it.
 */
export const MessageLogGateway = defineGateway("sluice.MessageLog", {
  version: 1,
  turns: "sync",
  methods: { requestMessageLog: ask<() => StoredMessageLog>({ readOnly: true }) },
});
export type MessageLogGateway = GatewayOf<typeof MessageLogGateway>;
