import { cloudflareTest } from "@cloudflare/vitest-plugin";
import { defineConfig } from "vitest/config";

// Local tracing makes RPC inside workerd five times slower; every child process inherits this.
process.env["X_LOCAL_OBSERVABILITY"] = "false";

export default defineConfig({
  test: {
    projects: [
      {
        test: {
          name: "unit",
          include: ["test/**/*.test.ts"],
          exclude: ["test/workerd/**", "test/e2e/**"],
          setupFiles: ["test/hash-at-once.ts"],
          environment: "node",
          retry: 0,
        },
      },
      {
        plugins: [cloudflareTest({ wrangler: { configPath: "./test/workerd/wrangler.toml" } })],
        test: {
          name: "workerd",
          include: ["test/workerd/**/*.itcase.test.ts"],
          retry: 0,
        },
      },
      {
        test: {
          name: "e2e",
          include: ["test/e2e/**/*.e2e.test.ts"],
          environment: "node",
          // Each file has worker processes of its own, and mostly waits.
          maxWorkers: 2,
          testTimeout: 120_000,
          hookTimeout: 120_000,
          retry: 0,
        },
      },
    ],
  },
});
