import { runCli } from "../src/cli/cli.ts";

await runCli(["submit", ...process.argv.slice(2)]);
