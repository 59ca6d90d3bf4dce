import { runCli } from "../src/cli/cli.ts";

await runCli(process.argv.slice(2));
