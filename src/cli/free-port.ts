import { createServer } from "node:net";
import { CliException } from "./cli-exception.ts";

export const LOCAL_HOST = "127.0.0.1";
const MAX_PORT = 65_535;

/** A port that was free a moment ago. */
export async function findFreePort(): Promise<number> {
  return tryToListen(0);
}

/** @throws CliException saying what to do if the port is taken or may not be used. */
export async function requireFreePort(port: number): Promise<void> {
  try {
    await tryToListen(port);
  } catch (error) {
    const code = error instanceof Error && "code" in error ? error.code : undefined;
    if (code === "EADDRINUSE") {
      const other = port < MAX_PORT ? port + 1 : port - 1;
      throw new CliException(`Port ${port} is taken. Use --port ${other}, or stop the process that holds it.`, {
        cause: error,
      });
    }
    if (code === "EACCES") {
      throw new CliException(`Port ${port} may not be used by this user. Use --port with one above 1023.`, {
        cause: error,
      });
    }
    throw error;
  }
}

function tryToListen(port: number): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.once("error", reject);
    server.listen({ port, host: LOCAL_HOST, exclusive: true }, () => {
      const address = server.address();
      const bound = typeof address === "object" && address !== null ? address.port : port;
      server.close(() => resolve(bound));
    });
  });
}
