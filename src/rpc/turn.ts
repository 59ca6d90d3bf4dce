import { AsyncLocalStorage } from "node:async_hooks";
import type { SluiceException } from "../common/exceptions.ts";
import type { CallContext } from "./call-context.ts";
import type { SenderIdentity } from "./fencing/epoch.ts";

/** Something a turn does to the world outside its endpoint: sent when the turn succeeded, dropped when it threw. */
export interface HeldAction {
  send(): void;
  drop(): void;
}

/** What runs in a turn, as far as the turn's own code may ask. */
export interface TurnWork {
  /** What runs, for logs and errors: `Counter.increment`, `timer pump`. */
  readonly label: string;
  readonly context: CallContext;
  /** Who sent the message that runs, if a message does and it came from an endpoint. */
  readonly sender: SenderIdentity | undefined;
  readonly readOnly: boolean;
  /** What undoes its writes; a savepoint if it does not say. */
  readonly undo?: "savepoint" | "reset";
}

// How many turns of `async` handlers are open in this process: without one, no code runs in a later stretch of any.
let openAsyncTurns = 0;

/**
 * One run of endpoint code. A `sync` handler is one turn; an `async` one is a turn up to its first `await`, and its
 * later stretches belong to the turn until the handler settles, without holding anything back.
 */
export class Turn {
  /** Identity of the endpoint's main thread. */
  readonly owner: object;
  readonly work: TurnWork;
  /** The time that the endpoint's clock shows for the whole turn. */
  readonly nowMillis: number;
  /** Something durable was changed. */
  wrote = false;
  #state: "running" | "succeeded" | "failed" = "running";
  #open = true;
  #mayAwait = false;
  // Made when something is held: most turns hold nothing.
  #held: HeldAction[] | undefined;

  constructor(owner: object, work: TurnWork, nowMillis: number) {
    this.owner = owner;
    this.work = work;
    this.nowMillis = nowMillis;
  }

  /** Whether code of this turn may still run: until the handler settled. */
  get open(): boolean {
    return this.#open;
  }

  get failed(): boolean {
    return this.#state === "failed";
  }

  /** It will have later stretches. */
  mayAwait(): void {
    if (this.#mayAwait) return;
    this.#mayAwait = true;
    openAsyncTurns += 1;
  }

  /** Holds `action` until the turn succeeds; in the later stretches of an `async` handler it is done at once. */
  hold(action: HeldAction): void {
    if (this.#state === "running") (this.#held ??= []).push(action);
    else if (this.#state === "succeeded") action.send();
    else action.drop();
  }

  /** Sends what was held, in order. */
  succeed(): void {
    this.#state = "succeeded";
    const held = this.#held;
    if (held === undefined) return;
    this.#held = undefined;
    for (const action of held) action.send();
  }

  /** Drops what was held. */
  fail(): void {
    this.#state = "failed";
    this.close();
    const held = this.#held ?? [];
    this.#held = undefined;
    for (const action of held) action.drop();
  }

  /** The handler settled: what floats on after it is no part of the turn. */
  close(): void {
    if (!this.#open) return;
    this.#open = false;
    if (this.#mayAwait) openAsyncTurns -= 1;
  }
}

/** What became of a piece of work. */
export type Outcome =
  | { readonly ok: true; readonly value: unknown }
  | { readonly ok: false; readonly error: SluiceException };

// The turn of an `async` handler, in the stretches after its first await. No captured frame (AsyncLocalStorage.snapshot):
// it would save nothing, as synchronous turns run without async context; and workerd binds one to the context that made it
// (it holds over all events of one object, not from module scope or a Worker's request into an object).
const stretches = new AsyncLocalStorage<Turn | undefined>();

// The turn on the stack. A synchronous turn needs no async context: it ends before anything else can run.
let onStack: Turn | undefined;

/** Runs `body` as the synchronous stretch of `turn`; with `mayAwait` its continuations belong to the turn too. */
export function runAsTurn<T>(turn: Turn, mayAwait: boolean, body: { run(): T }): T {
  const outer = onStack;
  onStack = turn;
  try {
    if (mayAwait) {
      turn.mayAwait();
      return stretches.run(turn, () => body.run());
    }
    // What a synchronous turn leaves floating belongs to no turn, wherever its drain began.
    if (openAsyncTurns === 0 || stretches.getStore() === undefined) return body.run();
    return stretches.run(undefined, () => body.run());
  } finally {
    onStack = outer;
  }
}

/** The open turn of `owner` that the calling code is part of, if it is part of one. */
export function currentTurn(owner: object): Turn | undefined {
  const turn = onStack ?? stretches.getStore();
  return turn !== undefined && turn.owner === owner && turn.open ? turn : undefined;
}

/** {@link currentTurn}, if its synchronous stretch runs. */
export function turnOnStack(owner: object): Turn | undefined {
  return onStack?.owner === owner && onStack.open ? onStack : undefined;
}

/** Label of whatever turn the calling code is part of, for the error of a failed main-thread check. */
export function currentTurnLabel(): string | undefined {
  return (onStack ?? stretches.getStore())?.work.label;
}
