import type { RestartStrategyConfiguration } from "../../runtime/jobgraph/job-configuration.ts";

const MASK = "******";
/** Parts of keys whose values are never shown (Flink `GlobalConfiguration` sensitive keys). */
const SENSITIVE_PARTS = [
  "password", "secret", "fs.azure.account.key", "apikey", "api-key", "auth-params", "service-key", "token", "basic-auth",
  "jaas.config", "http-headers", "credential", "private-key",
]; // prettier-ignore

export function maskSecrets(configuration: Readonly<Record<string, string>>): Record<string, string> {
  return Object.fromEntries(
    Object.entries(configuration).map(([key, value]) => [key, isSensitive(key) ? MASK : value]),
  );
}

function isSensitive(key: string): boolean {
  const lower = key.toLowerCase();
  return SENSITIVE_PARTS.some((part) => lower.includes(part));
}

/** In Flink's words. */
export function describeRestartStrategy(strategy: RestartStrategyConfiguration): string {
  switch (strategy.kind) {
    case "none":
      return "Restart deactivated.";
    case "fixed-delay":
      return `Restart with fixed delay (${strategy.delayMillis} ms). #${strategy.attempts} restart attempts.`;
  }
}
