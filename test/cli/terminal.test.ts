import { describe, expect, it } from "vitest";
import { StepList } from "../../src/cli/step-list.ts";
import { silentTerminal } from "../../src/cli/terminal.ts";
import { TerminalOutput } from "./terminal-output.ts";

const ERASE = "\r\u001b[2K";

describe("Terminal", () => {
  it("on a screen: redraws the live line, and keeps it below what is printed", () => {
    const output = new TerminalOutput(true);
    output.terminal.live("one");
    output.terminal.live("two");
    output.terminal.line("step");
    output.terminal.clear();
    output.terminal.clear();
    expect(output.text).toBe(`one${ERASE}two${ERASE}step\ntwo${ERASE}`);
  });

  it("on a narrow screen: cuts the live line off, as one that wraps could not be redrawn", () => {
    const output = new TerminalOutput(true, 8);
    output.terminal.live("0123456789");
    output.terminal.live("short");
    expect(output.text).toBe(`0123456${ERASE}short`);
  });

  it("elsewhere: lines only, no control characters, no colours", () => {
    const output = new TerminalOutput();
    output.terminal.live("one");
    new StepList(output.terminal).done("worker started", "1.1 s");
    output.terminal.clear();
    expect(output.text).toBe("  ✔ worker started                      1.1 s\n");
  });

  it("steps lose no colour on a screen, and say what failed", () => {
    const output = new TerminalOutput(true);
    new StepList(output.terminal).failed("FAILED", "3.0 s");
    expect(output.text).toContain("\u001b[31m✘");
  });

  it("can be silent", () => {
    expect(() => silentTerminal().line("x")).not.toThrow();
  });
});
