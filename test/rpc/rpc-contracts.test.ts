import { globSync, readFileSync, writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { describe, expect, it } from "vitest";
import { defineGateway } from "../../src/rpc/index.ts";
import type { GatewayDescriptor } from "../../src/rpc/index.ts";
import * as clusterRegistry from "../../src/runtime/cluster/cluster-registry-gateway.ts";
import * as dispatcher from "../../src/runtime/dispatcher/dispatcher-gateway.ts";
import * as jobMaster from "../../src/runtime/jobmaster/job-master-gateway.ts";
import * as resourceManager from "../../src/runtime/resourcemanager/resource-manager-gateway.ts";
import * as taskExecutor from "../../src/runtime/taskexecutor/task-executor-gateway.ts";

// Every file under src/runtime that declares a gateway; a new one fails the first test until it stands here.
const DECLARING_FILES = {
  "src/runtime/cluster/cluster-registry-gateway.ts": clusterRegistry,
  "src/runtime/dispatcher/dispatcher-gateway.ts": dispatcher,
  "src/runtime/jobmaster/job-master-gateway.ts": jobMaster,
  "src/runtime/resourcemanager/resource-manager-gateway.ts": resourceManager,
  "src/runtime/taskexecutor/task-executor-gateway.ts": taskExecutor,
};

const root = fileURLToPath(new URL("../../", import.meta.url).href);
const goldenPath = `${root}test/golden/rpc-contracts.txt`;

function isDescriptor(value: unknown): value is GatewayDescriptor {
  return typeof value === "object" && value !== null && "methods" in value && "version" in value && "fenced" in value;
}

/** The type argument behind `method: ask<` or `tell<` in the declaring file, on one line; types do not exist at run time. */
function signatureIn(source: string, method: string): string {
  const start = new RegExp(`\\b${method}:\\s*(?:ask|tell)<`).exec(source);
  if (start === null) return "?";
  let index = start.index + start[0].length;
  const from = index;
  for (let depth = 1; depth > 0 && index < source.length; index += 1) {
    const character = source[index];
    if (character === "<") depth += 1;
    else if (character === ">" && source[index - 1] !== "=") depth -= 1;
  }
  return source
    .slice(from, index - 1)
    .replace(/\s+/g, " ")
    .replace(/,? ([)}\]])/g, "$1")
    .replace(/([([]) /g, "$1")
    .trim();
}

/** One line for the gateway and one for each of its methods. */
function describeGateway(descriptor: GatewayDescriptor, source: string): string {
  const fence = descriptor.fenced ? " fenced" : "";
  const lines = Object.entries(descriptor.methods).map(([name, method]) => {
    const turns = method.turns === "inherit" ? "" : ` ${method.turns}`;
    const { parameters: _parameters, ...options } = method.options;
    const rest = Object.keys(options).length === 0 ? "" : ` ${JSON.stringify(options)}`;
    return `  ${method.kind}${turns} ${name} ${signatureIn(source, name)}${rest}`;
  });
  return [`${descriptor.name} version ${descriptor.version} ${descriptor.turns}${fence}`, ...lines.sort()].join("\n");
}

function currentContracts(): string[] {
  return Object.entries(DECLARING_FILES)
    .flatMap(([path, module]) => {
      const source = readFileSync(root + path, "utf8");
      return Object.values(module)
        .filter(isDescriptor)
        .map((descriptor) => describeGateway(descriptor, source));
    })
    .sort();
}

/** Contracts that changed under their old version: by name, with what they were and are. */
function changedWithoutVersion(golden: readonly string[], current: readonly string[]): string[] {
  const headOf = (contract: string): string => contract.split(" ").slice(0, 3).join(" ");
  const known = new Map(golden.map((contract) => [headOf(contract), contract]));
  return current.filter((contract) => (known.get(headOf(contract)) ?? contract) !== contract).map(headOf);
}

describe("gateway contracts", () => {
  it("of every declaring file are looked at", () => {
    expect(globSync("src/runtime/**/*-gateway.ts", { cwd: root }).sort()).toEqual(Object.keys(DECLARING_FILES).sort());
  });

  it("are those of test/golden/rpc-contracts.txt; a change raises the gateway's version (UPDATE_GOLDEN=1 then writes the file)", () => {
    const current = currentContracts();
    expect(current.filter((contract) => /^ .* \?( |$)/m.test(contract))).toEqual([]);
    const golden = readFileSync(goldenPath, "utf8").trim().split("\n\n");
    expect(changedWithoutVersion(golden, current)).toEqual([]);
    if (process.env["UPDATE_GOLDEN"] === "1") writeFileSync(goldenPath, `${current.join("\n\n")}\n`);
    else expect(current).toEqual(golden);
  });

  it("a change under the old version is found; a raised version, a new and a removed gateway are not faults of that kind", () => {
    const lamp = (version: number, methods = {}): string =>
      describeGateway(defineGateway("Lamp", { version, methods }), "");
    const off = { off: { kind: "tell", turns: "inherit", options: {} } } as const;
    expect(changedWithoutVersion([lamp(1)], [lamp(1, off)])).toEqual(["Lamp version 1"]);
    expect(changedWithoutVersion([lamp(1)], [lamp(1)])).toEqual([]);
    expect(changedWithoutVersion([lamp(1)], [lamp(2, off)])).toEqual([]);
    expect(changedWithoutVersion([], [lamp(1)])).toEqual([]);
    expect(changedWithoutVersion([lamp(1)], [])).toEqual([]);
  });

  it("signatures are read from the source as they stand there", () => {
    const source =
      "x: ask<(\n  a: Map<string, () => number>,\n  b: { c: 1 },\n) => Later<A>>({ readOnly: true }), y: tell<() => undefined>(),";
    expect(signatureIn(source, "x")).toBe("(a: Map<string, () => number>, b: { c: 1}) => Later<A>");
    expect(signatureIn(source, "y")).toBe("() => undefined");
  });
});
