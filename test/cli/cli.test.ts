import { spawnSync } from "node:child_process";
import { createServer } from "node:net";
import { join } from "node:path";
import { CommanderError } from "commander";
import { describe, expect, it } from "vitest";
import { createProgram } from "../../src/cli/cli.ts";
import { LOCAL_HOST } from "../../src/cli/free-port.ts";
import { ManualClock } from "../../src/testing/manual-clock.ts";
import { TerminalOutput } from "./terminal-output.ts";

const ROOT = join(import.meta.dirname, "../..");

/** The command as its own process. */
function spawn(script: string, ...args: readonly string[]) {
  const { status, stdout, stderr } = spawnSync(process.execPath, [`scripts/${script}.ts`, ...args], {
    cwd: ROOT,
    encoding: "utf8",
  });
  return { status, stdout, stderr };
}

/** The command in this process; it must fail. */
async function parse(...args: readonly string[]) {
  const out = new TerminalOutput();
  const err = new TerminalOutput();
  const program = createProgram({
    out: out.terminal,
    err: err.terminal,
    signal: new AbortController().signal,
    root: ROOT,
    clock: new ManualClock(),
    ids: { hex: () => "d".repeat(32) },
    environment: { SLUICE_TOKEN: "top-secret" },
  });
  const fault: unknown = await program.parseAsync([...args], { from: "user" }).catch((error: unknown) => error);
  return { out, err, fault };
}

describe("the command line", () => {
  it.each([
    ["demo", "npm run demo -- --kill"],
    ["dev", "npm run dev -- --port 8788"],
    ["submit", "npm run submit -- my-job.ts"],
  ])("%s --help shows examples and no secret", async (command, example) => {
    const { out, err, fault } = await parse(command, "--help");
    expect(fault).toMatchObject({ exitCode: 0 });
    expect(err.text).toBe("");
    expect(out.text).toContain(`Examples:\n  npm run ${command}`);
    expect(out.text).toContain(example);
    expect(out.text).not.toContain("top-secret");
    expect(out.text).not.toMatch(/default: (?:false|\[\])/);
  });

  it.each([
    ["an unknown option", ["demo", "--fast"], "unknown option '--fast'"],
    ["a port that is none", ["dev", "--port", "http"], "Expected an integer from 1 to 65535."],
    ["a port out of range", ["dev", "--port", "65536"], "Expected an integer from 1 to 65535."],
    ["no file", ["submit"], "missing required argument 'file'"],
    ["parallelism 0", ["submit", "job.ts", "--parallelism", "0"], "Expected an integer from 1 to 128."],
    ["an input without a key", ["submit", "job.ts", "--input", "quakes.ndjson"], "Expected key=file."],
  ])("%s is refused", async (_case, args, message) => {
    const { out, err, fault } = await parse(...args);
    expect(fault).toBeInstanceOf(CommanderError);
    expect(out.text).toBe("");
    expect(err.text).toContain(message);
  });

  it.each([
    ["help", "demo", ["--help"], 0, ""],
    ["a wrong command line", "submit", [], 2, "error: missing required argument 'file'\n"],
    [
      "an address that is none",
      "submit",
      ["examples/earthquakes/job.ts", "--url", "localhost"],
      1,
      'url: expected http://host:port or https://host, got "localhost"\n',
    ],
    [
      "a job that is not there",
      "submit",
      ["nothing.ts"],
      1,
      "nothing.ts: there is no such file, or it cannot be read.\n",
    ],
  ])("%s: exit code, and a fault in one line", (_case, script, args, status, stderr) => {
    expect(spawn(script, ...args)).toMatchObject({ status, stderr });
  });

  it("a taken port says what to do, and nothing is started", async () => {
    const holder = createServer();
    await new Promise<void>((resolve) => {
      holder.listen(0, LOCAL_HOST, resolve);
    });
    const address = holder.address();
    const port = typeof address === "object" && address !== null ? address.port : 0;
    const { fault } = await parse("dev", "--port", String(port));
    holder.close();
    expect(fault).toMatchObject({ exitCode: 1, message: expect.stringContaining(`Port ${port} is taken. Use --port`) });
  });
});
