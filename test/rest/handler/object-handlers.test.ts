import { describe, expect, it } from "vitest";
import { OBJECT_SIZE_LIMIT_BYTES } from "../../../src/rest/messages/sluice-messages.ts";
import { NOW, restHarness } from "../rest-harness.ts";

const objects = "/v1/sluice/objects";

describe("objects of users", () => {
  it.each([
    ["quakes.ndjson", "quakes.ndjson"],
    ["input/2018/quakes.ndjson", "input/2018/quakes.ndjson"],
    ["input%2Fquakes.ndjson", "input/quakes.ndjson"],
    ["with%20space%20%C3%A4", "with space ä"],
    ["..hidden..", "..hidden.."],
    ["v1/x", "v1/x"],
  ])("PUT, GET, list and DELETE %s", async (path, key) => {
    const harness = restHarness();
    const put = await harness.send(`${objects}/${path}`, { method: "PUT", body: "one\ntwo\n" });
    expect(put.status).toBe(200);
    expect(await put.json()).toEqual({ key, size: 8, etag: expect.any(String), uploaded: NOW });
    expect((await harness.objects.list("")).map((info) => info.key)).toEqual([`v1/default/objects/${key}`]);
    const got = await harness.send(`${objects}/${path}`);
    expect(await got.text()).toBe("one\ntwo\n");
    expect(got.headers.get("x-content-type-options")).toBe("nosniff");
    expect(await harness.json(objects)).toMatchObject({ objects: [{ key, size: 8 }] });
    expect(await harness.json(`${objects}?prefix=nothing`)).toEqual({ objects: [] });
    for (let round = 0; round < 2; round++) {
      const deleted = await harness.send(`${objects}/${path}`, { method: "DELETE" });
      expect([deleted.status, await deleted.text()]).toEqual([200, "{}"]);
    }
    const gone = await harness.send(`${objects}/${path}`);
    expect(gone.status).toBe(404);
    expect(await gone.json()).toEqual({ errors: [`Object ${key} not found`] });
  });

  it.each([
    "..%2Fx",
    "a%2F..%2Fb",
    "a%2F..",
    ".%2Fa",
    "a%2F%2Fb",
    "a//b",
    "%2Fa",
    "a%2F",
    "a%00b",
    "a%0Ab",
    "a%5Cb",
    "x".repeat(513),
  ])("refuses the key %s and stores nothing", async (path) => {
    const harness = restHarness();
    const response = await harness.send(`${objects}/${path}`, { method: "PUT", body: "x" });
    expect(response.status).toBe(400);
    expect(await response.json()).toEqual({ errors: [expect.stringContaining("path parameter (key)")] });
    expect(await harness.objects.list("")).toEqual([]);
  });

  it("a path that a client resolves above the objects reaches nothing", async () => {
    const harness = restHarness();
    expect((await harness.send(`${objects}/../x`, { method: "PUT", body: "x" })).status).toBe(404);
    expect((await harness.send(`${objects}/%2e%2e/x`, { method: "PUT", body: "x" })).status).toBe(404);
    expect((await harness.send(objects, { method: "PUT", body: "x" })).status).toBe(404);
    expect(await harness.objects.list("")).toEqual([]);
  });

  it("refuses more than the limit, and takes an empty object", async () => {
    const harness = restHarness();
    const large = await harness.send(`${objects}/big`, {
      method: "PUT",
      body: new Uint8Array(OBJECT_SIZE_LIMIT_BYTES + 1),
    });
    expect(large.status).toBe(413);
    expect(await harness.objects.list("")).toEqual([]);
    const empty = await harness.send(`${objects}/empty`, { method: "PUT" });
    expect(await empty.json()).toMatchObject({ key: "empty", size: 0 });
  });

  it("of one cluster are not those of another", async () => {
    const harness = restHarness();
    await harness.send(`${objects}/x`, { method: "PUT", body: "x", headers: { "Sluice-Cluster": "acme" } });
    expect((await harness.send(`${objects}/x`)).status).toBe(404);
    expect((await harness.send(`${objects}/x`, { headers: { "Sluice-Cluster": "acme" } })).status).toBe(200);
  });
});
