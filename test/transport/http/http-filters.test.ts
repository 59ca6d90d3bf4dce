import { expect, it } from "vitest";
import { systemIds } from "../../../src/common/ids.ts";
import { SqliteDatabase } from "../../../src/storage/sqlite/sqlite-database.ts";
import { ManualClock } from "../../../src/testing/manual-clock.ts";
import { HttpRpcService } from "../../../src/transport/http/http-rpc-service.ts";
import { createRpcEndpoint } from "../../../src/transport/http/rpc-http-endpoint.ts";
import { LocalRpcService } from "../../../src/transport/local/local-rpc-service.ts";
import { Probe } from "../../fixtures/rpc/probe.ts";
import { PROBE_GATEWAYS } from "../../fixtures/rpc/probe-gateways.ts";
import {
  callThroughFilters,
  recordedFilters,
  seenOnBothSides,
  THROUGH_FILTERS,
} from "../../fixtures/rpc/recorded-filters.ts";

it("a client over HTTP has filters of its own; the trace that they set arrives", async () => {
  const seen: string[] = [];
  const filters = recordedFilters(seen);
  const clock = new ManualClock();
  const hosted = new LocalRpcService({ clock, filters });
  for (const name of ["probe/a", "probe/b"]) {
    hosted.startServer(name, {
      gateways: PROBE_GATEWAYS,
      factory: (context) => new Probe(context),
      database: new SqliteDatabase(),
    });
  }
  const server = createRpcEndpoint({
    rpcService: () => hosted,
    gateways: PROBE_GATEWAYS,
    authenticate: () => "anybody",
    clock,
    ids: systemIds,
  });
  const service = new HttpRpcService({
    url: "http://server.test/",
    fetch: async (url, init) => server.request(url, init),
    clock,
    filters: { outgoing: filters.outgoing },
  });
  expect(await callThroughFilters(service, ["probe/a", "probe/b"])).toEqual(THROUGH_FILTERS);
  expect(seen).toEqual(seenOnBothSides("probe/b"));
});
