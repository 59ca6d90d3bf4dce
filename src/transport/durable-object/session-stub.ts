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

/** Opens a session on `stub`. @throws UnknownMessageException for an answer that is none. */
export async function openSession(stub: EndpointStub, request: OpenRequest): Promise<OpenedSession> {
  const opened = await stub.openSession(request);
  const answer: Readonly<Record<string, unknown>> & Partial<Disposable> = isOpenReply(opened) ? opened : {};
  const { session, batch, instance, frame } = answer;
  if (!isSession(session) || !isBatch(batch) || typeof instance !== "string") {
    answer[Symbol.dispose]?.();
    throw new UnknownMessageException("malformed answer to the opening of a session");
  }
  return {
    session: {
      batch,
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

function isOpenReply(value: unknown): value is Readonly<Record<string, unknown>> & Partial<Disposable> {
  return typeof value === "object" && value !== null;
}

/** A session as the platform hands it out: its methods are calls on the object. */
type SessionStub = Pick<RemoteSession, "replies"> & Partial<Disposable>;

/** A stub is a function to the language, and answers to any name. */
function isSession(value: unknown): value is SessionStub {
  return (typeof value === "function" || typeof value === "object") && value !== null && "replies" in value;
}

/** A function that was passed by the callee: calling it is a call on the object. */
function isBatch(value: unknown): value is RemoteSession["batch"] {
  return typeof value === "function";
}
