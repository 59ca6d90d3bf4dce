import type { z } from "zod";
import type { StatsSummary } from "../messages/checkpoint-messages.ts";

/** Value at `quantile` of sorted values, between neighbours by their distance; 0 of nothing. */
export function quantile(sorted: readonly number[], at: number): number {
  const position = at * (sorted.length - 1);
  const below = sorted[Math.floor(position)] ?? 0;
  const above = sorted[Math.ceil(position)] ?? below;
  return below + (above - below) * (position - Math.floor(position));
}

const sortedOf = (values: readonly number[]): number[] => values.toSorted((left, right) => left - right);
const sumOf = (values: readonly number[]): number => values.reduce((sum, value) => sum + value, 0);
const averageOf = (values: readonly number[]): number =>
  values.length === 0 ? 0 : Math.round(sumOf(values) / values.length);

/** Flink `StatsSummaryDto`. */
export function statsSummary(values: readonly number[]): z.output<typeof StatsSummary> {
  const sorted = sortedOf(values);
  return {
    min: sorted[0] ?? 0,
    max: sorted.at(-1) ?? 0,
    avg: averageOf(sorted),
    p50: quantile(sorted, 0.5),
    p90: quantile(sorted, 0.9),
    p95: quantile(sorted, 0.95),
    p99: quantile(sorted, 0.99),
    p999: quantile(sorted, 0.999),
  };
}

/** The figures over all subtasks of a vertex that the dashboard shows (Flink `MetricsHandlerUtils` aggregates). */
export function subtaskAggregate(values: readonly number[]): Record<string, number> {
  const sorted = sortedOf(values);
  return {
    min: sorted[0] ?? 0,
    max: sorted.at(-1) ?? 0,
    avg: averageOf(sorted),
    sum: Math.round(sumOf(sorted)),
    median: Math.round(quantile(sorted, 0.5)),
    p25: Math.round(quantile(sorted, 0.25)),
    p75: Math.round(quantile(sorted, 0.75)),
    p95: Math.round(quantile(sorted, 0.95)),
  };
}
