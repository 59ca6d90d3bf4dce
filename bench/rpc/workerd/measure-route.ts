import type { LoadPlan, LoadResult } from "../load/load.ts";

/** The object that makes the calls. */
export interface Caller {
  measure(system: string, plan: LoadPlan): Promise<LoadResult>;
}

/** What `POST /measure` carries. */
export interface MeasureRequest {
  readonly system: string;
  readonly plan: LoadPlan;
}

/** Answers `POST /measure`: 200 with the result, or 500 with what went wrong as text. */
export async function measureRoute(request: Request, caller: Caller): Promise<Response> {
  try {
    const { system, plan } = await request.json<MeasureRequest>();
    return Response.json(await caller.measure(system, plan));
  } catch (error) {
    return new Response(error instanceof Error ? (error.stack ?? error.message) : String(error), { status: 500 });
  }
}
