import { durableObject, rpcServiceOf } from "sluice/rpc/durable-object";
import { Candidate, CandidateGateway, Election, ELECTION, ElectionGateway } from "./leader-cron.ts";

export const ElectionObject = durableObject((context) => new Election(context), [ElectionGateway]);
export const CandidateObject = durableObject((context) => new Candidate(context), [CandidateGateway]);

/** `POST /<candidate>/start`, `POST /<candidate>/stop`; `GET /<candidate>`: its runs; `GET /`: who leads. */
export default {
  async fetch(request, env) {
    const [, id = "", action = ""] = new URL(request.url).pathname.split("/");
    if (id === "") return Response.json(await rpcServiceOf(env).gateway(ElectionGateway, ELECTION).lease());
    const candidate = rpcServiceOf(env).gateway(CandidateGateway, `candidate/${id}`);
    if (request.method === "POST" && action === "start") await candidate.start();
    if (request.method === "POST" && action === "stop") await candidate.stop();
    return Response.json(await candidate.runs());
  },
} satisfies ExportedHandler<object>;
