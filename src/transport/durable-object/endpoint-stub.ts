import type { OpenRequest } from "../../rpc/session/session-protocol.ts";

/** The one method that an endpoint's object offers to others. */
export interface EndpointStub {
  /** Opens a session; answers with an OpenReply, whose holder disposes it. */
  openSession(request: OpenRequest): Promise<unknown>;
}

export type LocationHint = DurableObjectLocationHint;

/** A Durable Object namespace, as far as this transport needs it. */
export interface EndpointNamespace {
  getByName(name: string, options?: { readonly locationHint?: LocationHint }): EndpointStub;
  jurisdiction(jurisdiction: string): EndpointNamespace;
}
