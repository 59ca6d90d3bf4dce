import { decodeCalls } from "./call-frame.ts";
import type { IncomingCall } from "./call-frame.ts";
import { FrameReader } from "./frame.ts";
import { HttpRefusal } from "./http-refusal.ts";

/**
 * The calls of a whole body, in order.
 *
 * @throws HttpRefusal 413 once the body or the number of calls is over its limit, without having read more than what
 *   was announced or, if nothing was, one chunk beyond it; 400 for a body that ends within a frame or holds no call.
 *   UnknownMessageException for a frame that is malformed as a whole.
 */
export async function readCalls(
  request: Request,
  limits: { readonly bodyBytes: number; readonly calls: number },
): Promise<readonly IncomingCall[]> {
  const tooLong = (): HttpRefusal => new HttpRefusal(413, `body: the limit is ${limits.bodyBytes} bytes`);
  const announced = Number(request.headers.get("content-length") ?? 0);
  if (announced > limits.bodyBytes) throw tooLong();
  const reader = new FrameReader(limits.bodyBytes);
  const calls: IncomingCall[] = [];
  let size = 0;
  const take = (chunk: unknown): void => {
    if (!(chunk instanceof Uint8Array)) throw new HttpRefusal(400, "body: expected bytes");
    if ((size += chunk.byteLength) > limits.bodyBytes) throw tooLong();
    for (const frame of reader.push(chunk)) for (const call of decodeCalls(frame)) calls.push(call);
    if (calls.length > limits.calls) throw new HttpRefusal(413, `body: the limit is ${limits.calls} calls`);
  };
  // As a stream, a body of known length would cost more than all else about a short one.
  if (announced > 0) take(new Uint8Array(await request.arrayBuffer()));
  // Leaving the loop by a throw cancels the stream.
  else if (request.body !== null) for await (const chunk of request.body) take(chunk);
  if (!reader.complete) throw new HttpRefusal(400, "malformed body: it ends within a frame");
  if (calls.length === 0) throw new HttpRefusal(400, "malformed body: it holds no call");
  return calls;
}
