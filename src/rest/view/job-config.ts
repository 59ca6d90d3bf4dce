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
    case "failure-rate":
      return (
        `Failure rate restart with maximum of ${strategy.maxFailuresPerInterval} failures within interval ` +
        `${strategy.intervalMillis} ms and fixed delay ${strategy.delayMillis} ms.`
      );
    case "exponential-delay":
      return (
        `Restart with exponential delay: starting at ${strategy.initialBackoffMillis} ms, increasing by ` +
        `${strategy.backoffMultiplier}, with maximum ${strategy.maxBackoffMillis} ms. Delay resets after ` +
        `${strategy.resetBackoffThresholdMillis} ms with jitter ${strategy.jitterFactor}.`
      );
  }
}
