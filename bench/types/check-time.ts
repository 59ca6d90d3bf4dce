/**
 * Prints how many seconds the compiler takes for a program with one gateway of so many methods, its endpoint and a call of
 * each: `node bench/types/check-time.ts 100`. The whole run of the compiler counts, its start and its libraries included.
 */
import { spawnSync } from "node:child_process";
import { mkdirSync, writeFileSync } from "node:fs";
import { join, resolve } from "node:path";

const ROOT = resolve(import.meta.dirname, "../..");
/** Ignored by git and by the linter. */
const FOLDER = join(ROOT, "build/bench-types");
const MILLIS_PER_SECOND = 1_000;

/** Methods differ, so that the compiler cannot take one for another. */
function method(position: number): { readonly name: string; readonly signature: string; readonly call: string } {
  const name = `method${position}`;
  const signature = `(key${position}: string, change: { readonly field${position}: number; readonly tags: string[] }) => { readonly sum${position}: number }`;
  return { name, signature, call: `${name}("key", { field${position}: ${position}, tags: [] })` };
}

function program(count: number): string {
  const methods = Array.from({ length: count }, (_, position) => method(position));
  return `import { ask, defineGateway, RpcEndpoint } from "../../src/rpc/index.ts";
import type { GatewayOf, HandlerOf } from "../../src/rpc/index.ts";

export const WideGateway = defineGateway("Wide", {
  version: 1,
  turns: "sync",
  methods: {
${methods.map(({ name, signature }) => `    ${name}: ask<${signature}>(),`).join("\n")}
  },
});

export class Wide extends RpcEndpoint implements HandlerOf<typeof WideGateway> {
${methods.map(({ name }, position) => `  ${name}(key: string, change: { readonly field${position}: number; readonly tags: string[] }) {\n    return { sum${position}: key.length + change.field${position} };\n  }`).join("\n")}
}

export async function callAll(gateway: GatewayOf<typeof WideGateway>): Promise<number> {
  let sum = 0;
${methods.map(({ call }, position) => `  sum += (await gateway.${call}).sum${position};`).join("\n")}
  return sum;
}
`;
}

const count = Number(process.argv[2]);
if (!Number.isSafeInteger(count) || count < 1)
  throw new RangeError(`expected a number of methods, got "${process.argv[2] ?? ""}"`);

const source = join(FOLDER, `gateway-of-${count}.ts`);
const config = join(FOLDER, `tsconfig-${count}.json`);
mkdirSync(FOLDER, { recursive: true });
writeFileSync(source, program(count));
writeFileSync(config, JSON.stringify({ extends: "../../tsconfig.json", include: [], files: [source] }));

const start = performance.now();
const compiled = spawnSync(process.execPath, [join(ROOT, "node_modules/typescript/bin/tsc"), "-p", config], {
  encoding: "utf8",
});
const seconds = (performance.now() - start) / MILLIS_PER_SECOND;
if (compiled.status !== 0) throw new Error(`the gateway of ${count} methods does not compile:\n${compiled.stdout}`);
console.log(seconds);
