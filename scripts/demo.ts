import { runCli } from "../src/cli/cli.ts";

await runCli(["demo", ...process.argv.slice(2)]);
