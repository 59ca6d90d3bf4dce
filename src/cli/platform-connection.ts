import { RestClient } from "../client/rest-client.ts";
import { SluiceException } from "../common/exceptions.ts";
import { CliException } from "./cli-exception.ts";

/** Which platform a command talks to. */
export interface ConnectionOptions {
  readonly url: string;
  readonly token?: string | undefined;
  readonly cluster?: string | undefined;
}

export function connect({ url, token, cluster }: ConnectionOptions): RestClient {
  return new RestClient({
    url,
    ...(token === undefined ? {} : { token }),
    ...(cluster === undefined ? {} : { cluster }),
  });
}

/** @throws CliException saying what to do if nobody answers. */
export async function explainingSilence<T>(url: string, body: () => Promise<T>): Promise<T> {
  try {
    return await body();
  } catch (error) {
    if (!SluiceException.is(error, "UNAVAILABLE")) throw error;
    throw new CliException(
      `Nothing answers at ${url}. Start the platform with npm run dev, or name another with --url.`,
      {
        cause: error,
      },
    );
  }
}
