import { createServer } from "node:net";
import { describe, expect, it } from "vitest";
import { findFreePort, LOCAL_HOST, requireFreePort } from "../../src/cli/free-port.ts";

describe("ports", () => {
  it("a free one may be used; one that is taken says what to do", async () => {
    const port = await findFreePort();
    await requireFreePort(port);
    const holder = createServer();
    await new Promise<void>((resolve) => {
      holder.listen(port, LOCAL_HOST, resolve);
    });
    await expect(requireFreePort(port)).rejects.toThrow(
      `Port ${port} is taken. Use --port ${port + 1}, or stop the process that holds it.`,
    );
    await new Promise((resolve) => {
      holder.close(resolve);
    });
    await requireFreePort(port);
  });
});
