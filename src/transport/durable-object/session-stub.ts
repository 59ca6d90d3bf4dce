import { UnknownMessageException } from "../../rpc/exceptions.ts";
import type { RemoteSession } from "../../rpc/session/session-channel.ts";
import type { OpenRequest } from "../../rpc/session/session-protocol.ts";
import type { EndpointStub } from "./endpoint-stub.ts";

/** What opening a session gave, checked as far as it has to be to be used. */
interface OpenedSession {
  readonly session: RemoteSession;
  readonly instance: string;
  readonly frame: unknown;
}

/** A session as the platform hands it out: its methods are calls on the object. */
type SessionStub = Pick<RemoteSession, "batch" | "replies"> & Partial<Disposable>;

/** Opens a session on `stub`. @throws UnknownMessageException for an answer that is none. */
export async function openSession(stub: EndpointStub, request: OpenRequest): Promise<OpenedSession> {
  const opened = await stub.openSession(request);
  const answer: {
    readonly session?: unknown;
    readonly instance?: unknown;
    readonly frame?: unknown;
  } & Partial<Disposable> = typeof opened === "object" && opened !== null ? opened : {};
  const { session, instance, frame } = answer;
  if (!isSession(session) || typeof instance !== "string") {
    answer[Symbol.dispose]?.();
    throw new UnknownMessageException("malformed answer to the opening of a session");
  }
  return {
    session: {
      batch: (batch) => session.batch(batch),
      replies: (received) => session.replies(received),
      // Of the answer, and with it of the session.
      dispose: () => {
        session[Symbol.dispose]?.();
        answer[Symbol.dispose]?.();
      },
    },
    instance,
    frame,
  };
}

/** A stub is a function to the language, and answers to any name. */
function isSession(value: unknown): value is SessionStub {
  return (typeof value === "function" || typeof value === "object") && value !== null && "batch" in value;
}
