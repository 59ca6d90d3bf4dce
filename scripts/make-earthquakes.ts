/**
 * Writes `examples/earthquakes/earthquakes.ndjson`, the input of the example, from the USGS feed that the npm package
 * `vega-datasets` carries: one event per line, in the order in which the earth moved. Run: `node scripts/make-earthquakes.ts`.
 */
import { createHash } from "node:crypto";
import { readFileSync, writeFileSync } from "node:fs";
import { resolve } from "node:path";
import { z } from "zod";

const ROOT = resolve(import.meta.dirname, "..");
const SOURCE = resolve(ROOT, "node_modules/vega-datasets/data/earthquakes.json");
const TARGET = resolve(ROOT, "examples/earthquakes/earthquakes.ndjson");

/** The part of USGS's GeoJSON summary that the example uses. A missing or null field is an error: the source has none. */
const Feed = z.object({
  features: z.array(
    z.object({
      id: z.string(),
      properties: z.object({ time: z.int(), mag: z.number(), place: z.string(), net: z.string() }),
      geometry: z.object({ coordinates: z.tuple([z.number(), z.number(), z.number()]) }),
    }),
  ),
});

/** The NDJSON text of a GeoJSON feed: flattened, sorted by time and then id, values unchanged. */
export function earthquakesNdjson(feedText: string): string {
  const quakes = Feed.parse(JSON.parse(feedText)).features.map(({ id, properties, geometry }) => {
    const { time, mag, place, net } = properties;
    const [longitude, latitude, depth] = geometry.coordinates;
    return { id, time, mag, place, net, longitude, latitude, depth };
  });
  quakes.sort((a, b) => a.time - b.time || (a.id < b.id ? -1 : 1));
  return quakes.map((quake) => `${JSON.stringify(quake)}\n`).join("");
}

/** Reads the feed as the installed package carries it. */
export function readFeed(): string {
  return readFileSync(SOURCE, "utf8");
}

if (import.meta.main) {
  const text = earthquakesNdjson(readFeed());
  writeFileSync(TARGET, text);
  console.log(`${text.split("\n").length - 1} events, sha256 ${createHash("sha256").update(text).digest("hex")}`);
}
