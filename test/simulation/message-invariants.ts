import type { ReplyEnvelope, RequestEnvelope } from "../../src/rpc/envelope/v1.ts";
import { compareIdentity } from "../../src/rpc/fencing/epoch.ts";
import type { Incarnation, SenderIdentity } from "../../src/rpc/fencing/epoch.ts";
import type { NetworkReceiver } from "../../src/testing/simulation/simulated-network.ts";
import type { Violations } from "./violations.ts";

const FENCED = new Set(["Dispatcher", "JobMaster", "ResourceManager"]);

/** No message of a stale epoch or of a superseded instance is carried out, and no handler fails in a way nobody thought of. */
export class MessageInvariants {
  readonly #violations: Violations;
  readonly #senders = new WeakMap<NetworkReceiver, Map<string, SenderIdentity>>();
  readonly #lives = new Map<string, Incarnation>();
  readonly #cancelling = new Set<string>();
  /** By receiver: the same message may come again, to another instance that knows of nobody yet. */
  readonly #superseded = new WeakMap<NetworkReceiver, WeakSet<RequestEnvelope>>();
  readonly #jobMasters = new WeakMap<NetworkReceiver, number>();

  constructor(violations: Violations) {
    this.#violations = violations;
  }

  /** JobMasters that have promised to cancel their job. */
  get cancelling(): ReadonlySet<string> {
    return this.#cancelling;
  }

  answered({ gateway, method, endpoint }: RequestEnvelope, reply: ReplyEnvelope): void {
    if (gateway === "JobMaster" && method === "cancel" && reply.outcome === "value") this.#cancelling.add(endpoint);
  }

  delivered(envelope: RequestEnvelope, receiver: NetworkReceiver): void {
    const { sender } = envelope;
    if (sender === null) return;
    if (envelope.method === "submitTasks") this.#requireOneLife(sender);
    const senders = this.#senders.get(receiver) ?? new Map<string, SenderIdentity>();
    const highest = senders.get(sender.address);
    const order = highest === undefined ? 1 : compareIdentity(sender, highest);
    if (order < 0) {
      const superseded = this.#superseded.get(receiver) ?? new WeakSet<RequestEnvelope>();
      this.#superseded.set(receiver, superseded.add(envelope));
    }
    if (order > 0) senders.set(sender.address, sender);
    this.#senders.set(receiver, senders);
  }

  replied(envelope: RequestEnvelope, reply: ReplyEnvelope, receiver: NetworkReceiver): void {
    const what = `${envelope.gateway}.${envelope.method || "handshake"}`;
    if (reply.outcome === "error") {
      const { code, name, message } = reply.error;
      const foreseen = code !== "UNEXPECTED" || message.includes("simulated");
      return this.#violations.require(foreseen, `${what} failed by ${name}: ${message}`);
    }
    const { epoch, sender, kind } = envelope;
    if (kind !== "handshake" && FENCED.has(envelope.gateway)) {
      const fresh = epoch !== null && epoch >= reply.epoch;
      this.#violations.require(fresh, `${what} was carried out with token ${epoch} in epoch ${reply.epoch}`);
    }
    const current = this.#superseded.get(receiver)?.has(envelope) !== true;
    this.#violations.require(current, `${what} of a superseded instance of ${sender?.address} was carried out`);
    // One that is answered by a list of refusals is taken only where the list is empty: all are refused alike.
    const refused = Array.isArray(reply.value) && reply.value.length > 0;
    if (envelope.method !== "submitTasks" || !refused) this.#requireCurrentJobMaster(envelope, receiver);
  }

  /** Tasks tell the lives of their JobMaster apart by its epoch. */
  #requireOneLife({ address, epoch, incarnation }: SenderIdentity): void {
    const key = `${address} in epoch ${epoch}`;
    const known = this.#lives.get(key) ?? incarnation;
    this.#violations.require(known === incarnation, `two lives of ${key} deploy tasks`);
    this.#lives.set(key, known);
  }

  /** A TaskExecutor takes tasks from the newest JobMaster that it has taken a slot request for. */
  #requireCurrentJobMaster({ gateway, method, args }: RequestEnvelope, receiver: NetworkReceiver): void {
    if (gateway !== "TaskExecutor") return;
    const newest = this.#jobMasters.get(receiver) ?? 0;
    if (method === "submitTasks") {
      const [, jobMasterId] = args;
      this.#violations.require(
        Number(jobMasterId) >= newest,
        `a task of JobMaster ${Number(jobMasterId)} was taken in ${newest}`,
      );
    }
    if (method !== "requestSlot") return;
    const [request] = args;
    const jobMasterId = typeof request === "object" && request !== null ? Reflect.get(request, "jobMasterId") : 0;
    this.#jobMasters.set(receiver, Math.max(newest, Number(jobMasterId)));
  }
}
