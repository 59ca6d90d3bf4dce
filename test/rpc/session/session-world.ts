import { SluiceException } from "../../../src/common/exceptions.ts";
import type { IdSource } from "../../../src/common/ids.ts";
import type { WireValue } from "../../../src/common/wire-value.ts";
import { milliseconds } from "../../../src/common/duration.ts";
import { ENVELOPE_VERSION } from "../../../src/rpc/envelope/v1.ts";
import type { ReplyEnvelope, RequestEnvelope } from "../../../src/rpc/envelope/v1.ts";
import type { Epoch, Incarnation } from "../../../src/rpc/index.ts";
import { SessionAcceptor } from "../../../src/rpc/session/session-acceptor.ts";
import type { HeldSession } from "../../../src/rpc/session/session-acceptor.ts";
import { SessionChannel } from "../../../src/rpc/session/session-channel.ts";
import type { RemoteSession, SessionFailure } from "../../../src/rpc/session/session-channel.ts";
import type {
  MessageColumns,
  OpenRequest,
  PackedBatch,
  PackedMessage,
} from "../../../src/rpc/session/session-protocol.ts";
import { ManualClock } from "../../../src/testing/manual-clock.ts";

export const ADDRESS = "v1/-/test/echo/x";

/** What becomes of one call on the platform. */
export type CallFate = "answered" | "lost before" | "lost after";

/** A failed call of the fake platform. */
class Broken extends Error {
  readonly fate: SessionFailure["fate"];

  constructor(fate: SessionFailure["fate"]) {
    super(fate);
    this.fate = fate;
  }
}

/** How the endpoint answers a message: at once, when it is told to, or after some microtasks. */
export type Answer = "at once" | "held" | "soon";

/** One life of the callee's memory. */
class Life {
  readonly acceptor: SessionAcceptor;
  readonly number: number;
  alive = true;
  readonly held: (() => void)[] = [];
  readonly breaks = new Set<(error: Broken) => void>();

  constructor(world: SessionWorld, number: number, ids: IdSource) {
    this.number = number;
    this.acceptor = new SessionAcceptor(
      {
        address: ADDRESS,
        accept: (message) => world.run(this, message.envelope(), (reply) => message.answerWith(reply)),
        receive: (message) => Promise.resolve(world.refuse(message)),
        identity: () => ({ epoch: 1 as Epoch, incarnation: number as Incarnation }),
        now: () => world.clock.now(),
        run: (_nowMillis, body) => body(),
      },
      ids,
    );
  }
}

/** A caller and a callee with sessions between them, on a platform that fails as the test says. */
export class SessionWorld {
  readonly clock = new ManualClock();
  readonly channel: SessionChannel;
  /** Ids of messages in the order they ran, with the life that ran them. */
  readonly ran: { readonly id: string; readonly life: number }[] = [];
  readonly batches: MessageColumns[] = [];
  opened = 0;
  pulls = 0;
  sessions = 0;
  /** Asked at each call. */
  fate: () => CallFate = () => "answered";
  /** Called as a session is about to be opened. */
  opening: () => void = () => undefined;
  /** How the endpoint answers. */
  answer: (envelope: RequestEnvelope) => Answer = () => "at once";
  /** What it answers. */
  value: (envelope: RequestEnvelope) => WireValue = (envelope) => envelope.args[0];
  /** No call is answered before it is done. */
  gate: Promise<void> | undefined;
  /** How many microtasks a call takes, each way. */
  delay: () => number = () => 1;
  #life: Life;
  #lives = 1;
  #ids = 0;

  constructor(lease = milliseconds(5_000)) {
    const ids: IdSource = { hex: () => `id${(this.#ids += 1)}`, ...({} as Omit<IdSource, "hex">) };
    const newLife = (): Life => new Life(this, this.#lives, ids);
    this.#newLife = newLife;
    this.#life = newLife();
    this.channel = new SessionChannel({
      address: ADDRESS,
      clock: this.clock,
      lease,
      newConversation: () => ids.hex(),
      open: (request) => this.#open(request),
      failureOf: (thrown) => {
        if (thrown instanceof Broken) return { error: unreachable(thrown.message), fate: thrown.fate };
        return { error: SluiceException.is(thrown) ? thrown : unreachable(String(thrown)), fate: "final" };
      },
    });
  }

  readonly #newLife: () => Life;

  /** The callee's memory is lost; the next session finds another life. */
  reset(): void {
    const life = this.#life;
    life.alive = false;
    this.#lives += 1;
    this.#life = this.#newLife();
    for (const end of life.breaks) end(new Broken("gone"));
    life.breaks.clear();
  }

  /** Lets all held messages of the living callee answer. */
  release(): void {
    for (const answer of this.#life.held.splice(0)) answer();
  }

  run(
    life: { readonly number: number; readonly held: (() => void)[] },
    envelope: RequestEnvelope,
    settle: (reply: ReplyEnvelope) => void,
  ): void {
    this.ran.push({ id: envelope.id, life: life.number });
    const reply = (): void =>
      settle({
        version: ENVELOPE_VERSION,
        id: envelope.id,
        address: ADDRESS,
        epoch: 1 as Epoch,
        incarnation: life.number as Incarnation,
        outcome: "value",
        value: envelope.kind === "tell" ? undefined : this.value(envelope),
      });
    const how = this.answer(envelope);
    if (how === "at once") reply();
    else if (how === "held") life.held.push(reply);
    else void microtasks(3).then(reply);
  }

  refuse(message: unknown): ReplyEnvelope {
    throw new Error(`not expected: ${String(message)}`);
  }

  async #open(request: OpenRequest): Promise<{ session: RemoteSession; instance: string; frame: unknown }> {
    this.opened += 1;
    this.batches.push(columnsOf(request.batch));
    this.opening();
    const life = this.#life;
    let held: HeldSession | undefined;
    const connection = { broken: undefined as Broken | undefined };
    const opened = await this.#call(life, connection, async () => {
      const { instance, frame } = await life.acceptor.open(structuredClone(request), (session) => {
        held = session;
        return session;
      });
      return { instance, frame };
    });
    this.sessions += 1;
    let open = true;
    const ended = (): void => {
      if (!open) return;
      open = false;
      this.sessions -= 1;
      void microtasks(this.delay()).then(() => held?.ended());
    };
    return {
      ...opened,
      session: {
        batch: (batch) => {
          this.batches.push(columnsOf(batch));
          return this.#call(life, connection, () => held?.batch(structuredClone(batch)));
        },
        replies: (received) => {
          this.pulls += 1;
          // On another stub than the batches: they have no order.
          return this.#call(life, connection, async () => {
            await microtasks(this.delay());
            return held?.replies([...received]);
          });
        },
        dispose: ended,
      },
    };
  }

  /** One call on a connection, in order with the others; a connection that failed once fails for ever. */
  async #call<T>(life: Life, connection: { broken: Broken | undefined }, body: () => T | Promise<T>): Promise<T> {
    if (!life.alive) throw new Broken("undelivered");
    const broken = Promise.withResolvers<never>();
    broken.promise.catch(() => undefined);
    life.breaks.add(broken.reject);
    try {
      return await Promise.race([broken.promise, this.#carry(life, connection, body)]);
    } finally {
      life.breaks.delete(broken.reject);
    }
  }

  async #carry<T>(life: Life, connection: { broken: Broken | undefined }, body: () => T | Promise<T>): Promise<T> {
    const fate = this.fate();
    if (connection.broken !== undefined) throw connection.broken;
    if (fate === "lost before") throw (connection.broken = new Broken("unknown"));
    if (!life.alive) throw new Broken("gone");
    const result = structuredClone(await body());
    if (fate === "lost after") throw (connection.broken = new Broken("unknown"));
    await microtasks(this.delay());
    await this.gate;
    return result;
  }
}

/** What a batch says beside its arguments. */
export function columnsOf(batch: PackedBatch | PackedMessage): MessageColumns {
  if (typeof batch === "string") {
    const [number, head, id, remainingMillis, depth, received] = JSON.parse(batch) as [
      number,
      number,
      number,
      number,
      number,
      number | null,
    ];
    return {
      count: 1,
      numbers: [number],
      received: received === null ? [] : [received],
      newHeads: [],
      heads: [head],
      ids: [id],
      remainingMillis: [remainingMillis],
      causes: [{ depth, chain: [], trace: null }],
      cause: [0],
    };
  }
  const [columns] = batch;
  const [count, numbers, received, newHeads, heads, ids, remainingMillis, causes, cause, onlyIn] = JSON.parse(
    columns,
  ) as MessageColumns[keyof MessageColumns][];
  // In the order of the type.
  return { count, numbers, received, newHeads, heads, ids, remainingMillis, causes, cause, onlyIn } as MessageColumns;
}

export function request(id: string, more: Partial<RequestEnvelope> = {}): RequestEnvelope {
  return {
    version: ENVELOPE_VERSION,
    kind: "ask",
    id,
    endpoint: ADDRESS,
    gateway: "Echo",
    gatewayVersion: 1,
    method: "echo",
    args: [id],
    attachments: [],
    epoch: null,
    sender: null,
    seq: 1,
    remainingMillis: null,
    depth: 1,
    chain: [],
    trace: null,
    ...more,
  };
}

export async function microtasks(count: number): Promise<void> {
  for (let index = 0; index < count; index += 1) await Promise.resolve();
}

/** Lets everything happen that needs no time. */
export async function settled(): Promise<void> {
  await new Promise<void>((resolve) => setImmediate(resolve));
}

function unreachable(message: string): SluiceException {
  return new SluiceException("RECIPIENT_UNREACHABLE", message, { retryable: true });
}
