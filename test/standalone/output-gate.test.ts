import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { OutputGate } from "../../src/entrypoint/standalone/output-gate.ts";
import { temporaryFolder } from "./temporary-folder.ts";

const rethrow = (error: unknown): void => {
  throw error;
};

describe("the output gate", () => {
  it("lets output pass at once while nothing was written", () => {
    const gate = new OutputGate({ path: "/nowhere", onFailure: rethrow });
    const out: string[] = [];
    gate.pass(() => out.push("reply"));
    expect(out).toEqual(["reply"]);
  });

  it("holds what follows a write until the disk has it, and keeps the order", async () => {
    using folder = temporaryFolder();
    const path = join(folder.path, "log");
    writeFileSync(path, "");
    const gate = new OutputGate({ path, onFailure: rethrow });
    const out: string[] = [];
    gate.wrote();
    gate.pass(() => {
      out.push("first");
      // What an output causes comes behind all that waits already.
      gate.pass(() => out.push("caused by the first"));
    });
    gate.pass(() => out.push("second"));
    expect([out, gate.busy]).toEqual([[], true]);
    await new Promise<void>((resolve) => gate.pass(resolve));
    expect(out).toEqual(["first", "second", "caused by the first"]);
    expect(gate.busy).toBe(false);
    await gate.close();
  });

  it("flushes again for what was written during a flush", async () => {
    using folder = temporaryFolder();
    const path = join(folder.path, "log");
    writeFileSync(path, "");
    const gate = new OutputGate({ path, onFailure: rethrow });
    const out: string[] = [];
    gate.wrote();
    const first = new Promise<void>((resolve) =>
      gate.pass(() => {
        out.push(`first, the rest ${gate.busy ? "waits" : "is out"}`);
        resolve();
      }),
    );
    // In the same turn the flush is under way: this write is not part of it.
    gate.wrote();
    const second = new Promise<void>((resolve) =>
      gate.pass(() => {
        out.push("second");
        resolve();
      }),
    );
    await Promise.all([first, second]);
    expect(out).toEqual(["first, the rest waits", "second"]);
    await gate.close();
  });

  it("lets nothing out when the disk refuses, and says so", async () => {
    const out: string[] = [];
    const error = await new Promise<unknown>((resolve) => {
      const gate = new OutputGate({ path: "/nowhere/at/all", onFailure: resolve });
      gate.wrote();
      gate.pass(() => out.push("must not happen"));
    });
    expect(error).toMatchObject({ code: "ENOENT" });
    expect(out).toEqual([]);
  });
});
