import { serveLoads } from "../in-process/serve-loads.ts";
import { serverUrl } from "./address.ts";

const url = serverUrl("/echo");

async function echo(value: unknown): Promise<unknown> {
  const response = await fetch(url, { method: "POST", body: JSON.stringify(value) });
  return response.json();
}

// The server keeps nothing; the sums, which show that each request was answered once, are kept here.
let sum = 0;

serveLoads({
  increment: async (by) => {
    sum += by;
    return Number(await echo(sum));
  },
  quote: async ({ id, quantity, price, express }) => {
    await echo({ id, quantity, price, express });
    return { id, total: quantity * price, accepted: !express };
  },
  note: () => {
    throw new TypeError("note: an echo has no one-way requests");
  },
  noted: () => Promise.resolve(0),
  pause: () => Promise.reject(new TypeError("pause: no row measures it over HTTP")),
});
