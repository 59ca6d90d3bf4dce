import { serveLoads } from "../in-process/serve-loads.ts";
import { serverUrl } from "./address.ts";

const url = serverUrl("/object/echo");
const notMeasured = (): never => {
  throw new TypeError("only `increment` is offered");
};

serveLoads({
  increment: async (by) => {
    const response = await fetch(url, { method: "POST", body: JSON.stringify(by) });
    return Number(await response.json());
  },
  quote: notMeasured,
  note: notMeasured,
  noted: notMeasured,
  pause: notMeasured,
});
