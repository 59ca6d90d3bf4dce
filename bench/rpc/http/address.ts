/** Endpoint and token of those who call Sluice over HTTP. */
export const HTTP_ADDRESS = "bench";
export const HTTP_TOKEN = "token-of-bench";

/** Where the server is: the first argument of a measuring process that goes over HTTP. */
export function serverUrl(path: string): URL {
  const [base] = process.argv.slice(2);
  if (base === undefined) throw new TypeError("expected the server's URL as the first argument");
  return new URL(path, base);
}
