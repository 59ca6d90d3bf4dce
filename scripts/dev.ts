import { runCli } from "../src/cli/cli.ts";

await runCli(["dev", ...process.argv.slice(2)]);
