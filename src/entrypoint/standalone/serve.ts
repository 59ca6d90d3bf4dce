import { createServer } from "node:http";
import type { IncomingMessage, ServerResponse } from "node:http";
import { Readable } from "node:stream";

export type FetchHandler = (request: Request) => Response | Promise<Response>;

export interface ServeOptions {
  readonly hostname: string;
  /** 0 for a free one. */
  readonly port: number;
  readonly fetch: FetchHandler;
}

export interface HttpServer {
  readonly port: number;
  /** Takes no more requests and breaks off those under way. */
  close(): Promise<void>;
}

/** What Bun and Deno offer beyond Node, as far as it is used here. */
interface Runtime {
  readonly Bun?: {
    serve(options: {
      readonly hostname: string;
      readonly port: number;
      readonly idleTimeout: number;
      readonly maxRequestBodySize: number;
      readonly fetch: FetchHandler;
    }): { readonly port: number; stop(closeConnections: boolean): Promise<void> };
  };
  readonly Deno?: {
    serve(
      options: { readonly hostname: string; readonly port: number; readonly onListen: () => void },
      fetch: FetchHandler,
    ): { readonly addr: { readonly port: number }; shutdown(): Promise<void> };
  };
}

/** Listens with whatever HTTP server the runtime has. @throws (rejects) if the port is taken. */
export async function serve(options: ServeOptions): Promise<HttpServer> {
  const { hostname, port, fetch } = options;
  const { Bun, Deno }: Runtime = globalThis as Runtime;
  if (Bun !== undefined) {
    // The limits of bodies and of time are those of the handlers.
    const server = Bun.serve({ hostname, port, fetch, idleTimeout: 0, maxRequestBodySize: Number.MAX_SAFE_INTEGER });
    return { port: server.port, close: () => server.stop(true) };
  }
  if (Deno !== undefined) {
    const server = Deno.serve({ hostname, port, onListen: () => undefined }, fetch);
    return { port: server.addr.port, close: () => server.shutdown() };
  }
  return serveOnNode(options);
}

async function serveOnNode({ hostname, port, fetch }: ServeOptions): Promise<HttpServer> {
  const server = createServer((incoming, outgoing) => void answer(incoming, outgoing, fetch));
  // Streams may be silent for longer than Node's default of five minutes.
  server.requestTimeout = 0;
  await new Promise<void>((resolve, reject) => {
    server.once("error", reject);
    server.listen(port, hostname, resolve);
  });
  const address = server.address();
  return {
    port: typeof address === "object" && address !== null ? address.port : port,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

async function answer(incoming: IncomingMessage, outgoing: ServerResponse, fetch: FetchHandler): Promise<void> {
  try {
    const response = await fetch(requestOf(incoming));
    outgoing.writeHead(response.status, headersOf(response));
    outgoing.flushHeaders();
    await send(response, outgoing);
    outgoing.end();
  } catch (error) {
    // The handler answers its own faults; what is left is a connection that broke.
    outgoing.destroy(error instanceof Error ? error : undefined);
  }
}

function requestOf(incoming: IncomingMessage): Request {
  const { method = "GET", url = "/", headers } = incoming;
  const target = new URL(url, `http://${headers.host ?? "localhost"}`);
  const hasBody = method !== "GET" && method !== "HEAD";
  return new Request(target, {
    method,
    headers: Object.entries(incoming.headersDistinct).flatMap(([name, values]) =>
      (values ?? []).map((value): [string, string] => [name, value]),
    ),
    // A stream is a body only together with `duplex`, which one of the platforms' types does not know.
    ...(hasBody ? ({ body: Readable.toWeb(incoming), duplex: "half" } as unknown as RequestInit) : {}),
  });
}

function headersOf(response: Response): Record<string, string | string[]> {
  const headers: Record<string, string | string[]> = Object.fromEntries(response.headers.entries());
  const cookies = response.headers.getSetCookie();
  return cookies.length === 0 ? headers : { ...headers, "set-cookie": cookies };
}

/** Chunk by chunk, at the pace of the reader; a reader that leaves ends the body's production. */
async function send(response: Response, outgoing: ServerResponse): Promise<void> {
  const body: ReadableStream<Uint8Array> | null = response.body;
  if (body === null) return;
  const reader = body.getReader();
  const stop = (): void => void reader.cancel().catch(() => undefined);
  outgoing.once("close", stop);
  try {
    for (let chunk = await reader.read(); !chunk.done; chunk = await reader.read()) {
      if (outgoing.write(chunk.value) || outgoing.destroyed) continue;
      await new Promise<void>((resolve) => {
        outgoing.once("drain", resolve);
        outgoing.once("close", resolve);
      });
    }
  } finally {
    outgoing.off("close", stop);
  }
}
