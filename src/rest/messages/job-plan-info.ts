import * as z from "zod";

/** A field that Flink calls raw JSON. */
export const RawJson = z.looseObject({});

export const PlanNodeInput = z.object({
  num: z.int(),
  id: z.string(),
  ship_strategy: z.string(),
  exchange: z.string(),
  local_strategy: z.string().optional(),
  caching: z.string().optional(),
});

/** One vertex; `inputs` is absent for sources. `description` is HTML-escaped, the dashboard inserts it as markup. */
export const PlanNode = z.object({
  id: z.string(),
  parallelism: z.int(),
  operator: z.string(),
  operator_strategy: z.string(),
  description: z.string(),
  optimizer_properties: RawJson,
  inputs: z.array(PlanNodeInput).optional(),
});

/** Nodes in topological order. */
export const Plan = z.object({ jid: z.string(), name: z.string(), type: z.string(), nodes: z.array(PlanNode) });
export const JobPlanInfo = z.object({ plan: Plan });
