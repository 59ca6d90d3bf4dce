import type { WireValue } from "../common/wire-value.ts";
import type { StreamPage, StreamRequest } from "./open-streams.ts";

/** Items that may be on their way or wait for the consumer, for each of at most two pages. */
const CREDIT = 64;

/**
 * Pulls a stream page by page, one page ahead of the consumer. Ends with the source, or tells the callee that the consumer
 * left.
 *
 * @param send one message of the stream; rejects when the stream's deadline passed or its caller aborted.
 * @param close tells the callee, whether it hears or not.
 */
export async function* consume(
  send: (request: StreamRequest) => Promise<WireValue>,
  close: (request: StreamRequest) => void,
): AsyncGenerator<unknown, void, undefined> {
  let page = pageOf(await send({ open: CREDIT }));
  let open = page.stream;
  try {
    for (;;) {
      const ahead = page.stream === null ? undefined : send({ pull: page.stream, credit: CREDIT });
      // Looked at when the consumer has come as far.
      ahead?.catch(() => undefined);
      yield* page.items;
      if (ahead === undefined) return;
      page = pageOf(await ahead);
      open = page.stream;
    }
  } finally {
    if (open !== null) close({ close: open });
  }
}

function pageOf(value: WireValue): StreamPage {
  // What `OpenStreams.serve` answers; a callee that answers otherwise ends the stream without items.
  const member = (name: string): unknown =>
    typeof value === "object" && value !== null ? Reflect.get(value, name) : null;
  const stream = member("stream");
  const items = member("items");
  return { stream: typeof stream === "string" ? stream : null, items: Array.isArray(items) ? items : [] };
}
