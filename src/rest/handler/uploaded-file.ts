import { decodeText } from "../request-parsing.ts";
import { readBody } from "../request-body.ts";
import { RestHandlerException } from "../rest-handler-exception.ts";

export interface UploadedFile {
  readonly name: string;
  readonly bytes: Uint8Array<ArrayBuffer>;
}

/** Room for boundaries and part headers around the one file. */
const MULTIPART_OVERHEAD_BYTES = 64 * 1024;
const FILE_NAME_LIMIT = 200;

/**
 * The one file of an upload: multipart with exactly one file part of any name, or the bare content with its name given.
 *
 * @param name file name of a bare content.
 * @throws RestHandlerException 400 naming the fault, 413.
 */
export async function readUploadedFile(
  request: Request,
  name: string | undefined,
  limitBytes: number,
): Promise<UploadedFile> {
  const file = isMultipart(request)
    ? await readMultipart(request, limitBytes)
    : { name: name ?? "", bytes: await readBody(request, limitBytes) };
  if (file.bytes.byteLength > limitBytes) {
    throw new RestHandlerException(413, `The content is larger than the limit of ${limitBytes} bytes.`);
  }
  checkFileName(file.name);
  return file;
}

function isMultipart(request: Request): boolean {
  return request.headers.get("content-type")?.toLowerCase().startsWith("multipart/form-data") ?? false;
}

async function readMultipart(request: Request, limitBytes: number): Promise<UploadedFile> {
  const bytes = await readBody(request, limitBytes + MULTIPART_OVERHEAD_BYTES, limitBytes);
  const files: File[] = [];
  for (const [part, value] of await parseForm(bytes, request.headers.get("content-type") ?? "")) {
    if (typeof value === "string") throw new RestHandlerException(400, `Received unknown attribute ${part}.`);
    files.push(value);
  }
  const [file] = files;
  if (file === undefined || files.length > 1) {
    throw new RestHandlerException(400, `Exactly 1 file must be sent, received ${files.length}.`);
  }
  return { name: file.name, bytes: new Uint8Array(await file.arrayBuffer()) };
}

async function parseForm(bytes: Uint8Array<ArrayBuffer>, contentType: string): Promise<FormData> {
  try {
    return await new Response(bytes, { headers: { "content-type": contentType } }).formData();
  } catch (error) {
    throw new RestHandlerException(400, "File upload failed. The body is not well-formed multipart/form-data.", {
      cause: error,
    });
  }
}

function checkFileName(name: string): void {
  if (name === "") {
    throw new RestHandlerException(
      400,
      "filename: expected the name of the uploaded file, as ?filename=job.js or in its multipart part",
    );
  }
  // eslint-disable-next-line no-control-regex -- control characters are what is refused
  if (name.length > FILE_NAME_LIMIT || /[/\\\u0000-\u001f\u007f]/.test(name) || !name.isWellFormed()) {
    throw new RestHandlerException(
      400,
      `filename: expected a file name of at most ${FILE_NAME_LIMIT} characters without path parts, got ${JSON.stringify(name)}`,
    );
  }
  if (!/[^.]\.m?js$/i.test(name)) {
    throw new RestHandlerException(
      400,
      `Only JavaScript modules (.js, .mjs) are allowed, got ${JSON.stringify(name)}.`,
    );
  }
}

/** @throws RestHandlerException 400 if the file is not UTF-8 text. */
export function textOf(file: UploadedFile): string {
  return decodeText(file.bytes, `The file ${file.name}`);
}
