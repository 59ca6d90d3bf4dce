import type { z } from "zod";
import type { JobID, JobVertexID } from "../../common/ids.ts";
import type { JobEdge } from "../../runtime/jobgraph/job-graph.ts";
import type { Plan } from "../messages/job-plan-info.ts";

/** What a plan is drawn from: a job graph, or the execution graph of a job. */
export interface PlannedJob {
  readonly jobId: JobID;
  readonly name: string;
  readonly jobType: "STREAMING" | "BATCH";
  readonly vertices: readonly {
    readonly id: JobVertexID;
    readonly name: string;
    readonly parallelism: number;
    readonly inputs: readonly JobEdge[];
  }[];
}

/** Flink `JsonPlanGenerator`: node ids are vertex ids, as the dashboard joins the two by them. */
export function jobPlan(job: PlannedJob): z.output<typeof Plan> {
  return {
    jid: job.jobId,
    name: job.name,
    type: job.jobType,
    nodes: job.vertices.map((vertex) => ({
      id: vertex.id,
      parallelism: vertex.parallelism,
      operator: "",
      operator_strategy: "",
      description: escapeMarkup(vertex.name),
      optimizer_properties: {},
      ...(vertex.inputs.length === 0 ? {} : { inputs: vertex.inputs.map(planInput) }),
    })),
  };
}

function planInput(edge: JobEdge, index: number) {
  return { num: index, id: edge.source, ship_strategy: edge.shipStrategy, exchange: edge.exchange };
}

const ENTITIES: Readonly<Record<string, string>> = {
  "&": "&amp;",
  "<": "&lt;",
  ">": "&gt;",
  '"': "&quot;",
  "'": "&#39;",
  "\n": "<br/>",
};

/** The dashboard inserts descriptions as markup, and names come from users. */
function escapeMarkup(text: string): string {
  return text.replaceAll(/[&<>"'\n]/g, (character) => ENTITIES[character] ?? "");
}
