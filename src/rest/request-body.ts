import { RestHandlerException } from "./rest-handler-exception.ts";

/**
 * The whole body, unless it is longer than `limitBytes`.
 *
 * @param shownLimitBytes the limit that the message names, where some of the body is no content.
 * @throws RestHandlerException 413 without having read more than the limit and one chunk.
 */
export async function readBody(
  request: Request,
  limitBytes: number,
  shownLimitBytes = limitBytes,
): Promise<Uint8Array<ArrayBuffer>> {
  const declared = Number(request.headers.get("content-length") ?? 0);
  if (declared > limitBytes) throw tooLarge(shownLimitBytes);
  const chunks: Uint8Array[] = [];
  let size = 0;
  if (request.body !== null) {
    // Leaving the loop by a throw cancels the stream.
    for await (const chunk of request.body) {
      if (!(chunk instanceof Uint8Array)) throw new RestHandlerException(400, "The body is not a stream of bytes.");
      size += chunk.byteLength;
      if (size > limitBytes) throw tooLarge(shownLimitBytes);
      chunks.push(chunk);
    }
  }
  const bytes = new Uint8Array(size);
  let offset = 0;
  for (const chunk of chunks) {
    bytes.set(chunk, offset);
    offset += chunk.byteLength;
  }
  return bytes;
}

function tooLarge(limitBytes: number): RestHandlerException {
  return new RestHandlerException(413, `The content is larger than the limit of ${limitBytes} bytes.`);
}
