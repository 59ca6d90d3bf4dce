import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { RECOVERY_CLAIM_MODES } from "../../../src/rest/messages/jar-messages.ts";
import { PARALLELISM_LIMIT } from "../../../src/rest/messages/parameters.ts";
import { REST_API } from "../../../src/rest/messages/rest-api.ts";
import { ExecutionStateInfo, JobStatusInfo } from "../../../src/rest/messages/states.ts";
import { REST_ROUTES } from "../../../src/rest/rest-endpoint.ts";
import { MAX_PARALLELISM } from "../../../src/runtime/jobgraph/job-configuration.ts";
import { RECOVERY_CLAIM_MODES as CONTROL_PLANE_CLAIM_MODES } from "../../../src/runtime/jobgraph/savepoint-restore-settings.ts";
import { EXECUTION_STATES } from "../../../src/runtime/messages/execution-state.ts";
import { JOB_STATUSES } from "../../../src/runtime/messages/job-status.ts";
import { restSnapshot } from "./rest-snapshot.ts";
import type { JsonSchema, SnapshotCall } from "./rest-snapshot.ts";

const FLINK_SNAPSHOT = `${import.meta.dirname}/../../../../shared/contract/rest_api_v1.snapshot.json`;

const flinkCalls = (JSON.parse(readFileSync(FLINK_SNAPSHOT, "utf8")) as { readonly calls: readonly SnapshotCall[] })
  .calls;
const ours = new Map(restSnapshot().calls.map((call) => [`${call.method} ${call.url}`, call]));
const shared = flinkCalls.flatMap((flink) => {
  const own = ours.get(`${flink.method} ${flink.url}`);
  return own === undefined ? [] : [{ name: `${flink.method} ${flink.url}`, flink, own }];
});

/**
 * Fields of Flink's that we do not send, each with its reason. Anything else of Flink's must be there. The overrides of
 * contract rest-v1 section 1 need no list here: where they differ from Flink's OpenAPI file, this snapshot says `any`.
 */
const NOT_SENT: Readonly<Record<string, string>> = {
  "GET /jobs/:jobid response.stream-graph": "only adaptive batch jobs have one",
  "GET /jobs/:jobid/vertices/:vertexid response.subtasks[].other-concurrent-attempts": "absent where there are none",
  "GET /jobs/:jobid/vertices/:vertexid/subtasks/:subtaskindex response.other-concurrent-attempts":
    "absent where there are none",
};

describe("REST API v1 against Flink's own stability snapshot (fact 92)", () => {
  it("shares most of the calls", () => {
    expect(shared.length).toBe(34);
  });

  it.each(shared)("$name: method, status, upload flag and parameters are Flink's", ({ flink, own }) => {
    expect(own["status-code"]).toBe(flink["status-code"]);
    expect(own["file-upload"]).toBe(flink["file-upload"]);
    expect(own["path-parameters"]).toEqual(flink["path-parameters"]);
    expect(own["query-parameters"].queryParameters).toEqual(
      expect.arrayContaining([...flink["query-parameters"].queryParameters]),
    );
  });

  it.each(shared)("$name: every field of Flink's is there with its type", ({ name, flink, own }) => {
    const faults = [
      ...(own["file-upload"]
        ? []
        : compare(new Definitions(flink.request), { at: `${name} request`, flink: flink.request, own: own.request })),
      ...compare(new Definitions(flink.response), { at: `${name} response`, flink: flink.response, own: own.response }),
    ];
    expect(faults).toEqual([]);
  });

  it("the comparison finds a field that is missing and one of another type", () => {
    const flink: JsonSchema = { type: "object", properties: { a: { type: "integer" }, b: { type: "string" } } };
    const own: JsonSchema = { type: "object", properties: { a: { type: "string" } } };
    expect(compare(new Definitions(flink), { at: "x", flink, own })).toEqual([
      "x.a: integer, ours string",
      "x.b: missing",
    ]);
  });
});

describe("REST API v1", () => {
  it("is the one of the golden file", async () => {
    await expect(`${JSON.stringify(restSnapshot(), null, 1)}\n`).toMatchFileSnapshot(
      "../../golden/rest_v1.snapshot.json",
    );
  });

  it("has a handler for every call, and no other", () => {
    const names = (calls: readonly { readonly name: string }[]): string[] => calls.map(({ name }) => name).sort();
    expect(names(REST_ROUTES.map(({ headers }) => headers))).toEqual(names(REST_API));
  });

  it("puts constants before parameters (fact 5)", () => {
    const urls = REST_ROUTES.map(({ headers }) => headers.url);
    expect(urls.indexOf("/jobs/overview")).toBeLessThan(urls.indexOf("/jobs/:jobid"));
    expect(urls.indexOf("/sluice/objects")).toBeLessThan(urls.indexOf("/sluice/objects/:key*"));
  });

  it("knows the states and limits of the control plane", () => {
    expect([...JobStatusInfo.options].sort()).toEqual([...JOB_STATUSES].sort());
    expect([...ExecutionStateInfo.options].sort()).toEqual([...EXECUTION_STATES].sort());
    expect(PARALLELISM_LIMIT).toBe(MAX_PARALLELISM);
    expect(RECOVERY_CLAIM_MODES).toEqual(CONTROL_PLANE_CLAIM_MODES);
  });
});

/** Flink's schemas refer back to the first place where a type occurred. */
class Definitions {
  readonly #byId = new Map<string, JsonSchema>();

  constructor(root: JsonSchema) {
    this.#collect(root);
  }

  resolve(schema: JsonSchema): JsonSchema {
    return schema.$ref === undefined ? schema : (this.#byId.get(schema.$ref) ?? {});
  }

  #collect(schema: JsonSchema): void {
    if (schema.id !== undefined) this.#byId.set(schema.id, schema);
    for (const property of Object.values(schema.properties ?? {})) this.#collect(property);
    if (typeof schema.additionalProperties === "object") this.#collect(schema.additionalProperties);
    if (schema.items !== undefined) this.#collect(schema.items);
  }
}

interface Comparison {
  readonly at: string;
  readonly flink: JsonSchema;
  readonly own: JsonSchema;
}

function compare(definitions: Definitions, { at, flink, own }: Comparison): readonly string[] {
  const expected = definitions.resolve(flink);
  // A self-referring type (attempts within an attempt) and raw JSON have nothing to compare.
  const { type } = expected;
  if (typeof type !== "string" || type === "any") return [];
  const candidates = (own.anyOf ?? [own]).flatMap((candidate) => candidate.anyOf ?? [candidate]);
  const found = candidates.find((candidate) => typesOf(candidate).includes(type));
  if (found === undefined) return [`${at}: ${type}, ours ${candidates.flatMap(typesOf).join(" | ")}`];
  const faults: string[] = [];
  for (const [name, property] of Object.entries(expected.properties ?? {})) {
    const path = `${at}.${name}`;
    const ownProperty = found.properties?.[name];
    if (ownProperty !== undefined)
      faults.push(...compare(definitions, { at: path, flink: property, own: ownProperty }));
    else if (!(path in NOT_SENT)) faults.push(`${path}: missing`);
  }
  if (expected.items !== undefined) {
    faults.push(...compare(definitions, { at: `${at}[]`, flink: expected.items, own: found.items ?? {} }));
  }
  if (typeof expected.additionalProperties === "object" && typeof found.additionalProperties === "object") {
    faults.push(
      ...compare(definitions, { at: `${at}{}`, flink: expected.additionalProperties, own: found.additionalProperties }),
    );
  }
  return faults;
}

/** `null` beside a type is no type of its own: every object in Java may be null. */
function typesOf(schema: JsonSchema): readonly string[] {
  return [schema.type ?? (typeof schema.const === "string" ? "string" : "nothing")].flat();
}
