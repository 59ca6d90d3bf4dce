import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import { resolve } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { describe, expect, it } from "vitest";
import { earthquakesNdjson, readFeed } from "../../scripts/make-earthquakes.ts";

const FOLDER = resolve(import.meta.dirname, "../../examples/earthquakes");
const committed = readFileSync(resolve(FOLDER, "earthquakes.ndjson"), "utf8");
const readme = readFileSync(resolve(FOLDER, "README.md"), "utf8");

const sha256 = (text: string): string => createHash("sha256").update(text).digest("hex");

/** The same transformation, by SQLite's JSON functions. */
const INDEPENDENT = `
  SELECT json_object(
    'id', value ->> '$.id',
    'time', value ->> '$.properties.time',
    'mag', value ->> '$.properties.mag',
    'place', value ->> '$.properties.place',
    'net', value ->> '$.properties.net',
    'longitude', value ->> '$.geometry.coordinates[0]',
    'latitude', value ->> '$.geometry.coordinates[1]',
    'depth', value ->> '$.geometry.coordinates[2]'
  ) AS line
  FROM json_each(?, '$.features')
  ORDER BY value ->> '$.properties.time', value ->> '$.id'`;

describe("the earthquakes input", () => {
  it("is what its script makes of the published feed", () => {
    expect(committed).toBe(earthquakesNdjson(readFeed()));
  });

  it("equals an independent flattening and sorting by SQL", () => {
    const database = new DatabaseSync(":memory:");
    const expected = database.prepare(INDEPENDENT).all(readFeed());
    database.close();
    const lines = committed.trimEnd().split("\n");
    expect(lines).toHaveLength(1707);
    expect(lines.map((line): unknown => JSON.parse(line))).toEqual(
      expected.map(({ line }): unknown => JSON.parse(String(line))),
    );
  });

  it("has the checksums its README states", () => {
    expect(readme).toContain(`${sha256(committed)}  earthquakes.ndjson`);
    expect(readme).toContain(`${sha256(readFeed())}  vega-datasets`);
  });

  it("refuses a feed with a missing field", () => {
    const feed = readFeed().replace('"mag":2,', '"mag":null,');
    expect(() => earthquakesNdjson(feed)).toThrow(/mag/);
  });
});
