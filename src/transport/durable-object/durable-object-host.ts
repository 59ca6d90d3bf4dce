import { minutes } from "../../common/duration.ts";
import type { ReplyEnvelope, RequestEnvelope } from "../../rpc/envelope/v1.ts";
import type { HostPorts } from "../../rpc/host-ports.ts";
import type { IncomingHead } from "../../rpc/incoming-message.ts";
import type { Alarm } from "../../rpc/ports/alarm.ts";
import type { SqlDatabase } from "../../rpc/ports/storage.ts";
import { RpcServer } from "../../rpc/rpc-server.ts";
import type { RpcServerOptions } from "../../rpc/rpc-server.ts";
import { SessionAcceptor } from "../../rpc/session/session-acceptor.ts";
import type { HeldSession } from "../../rpc/session/session-acceptor.ts";
import type { OpenReply, Session } from "../../rpc/session/session-protocol.ts";

/** When the object tries again after its activation failed in an alarm, whose own retries end after six. */
const FAILED_ALARM_RETRY = minutes(1);

export interface DurableObjectHostOptions extends Pick<RpcServerOptions, "address" | "gateways" | "factory"> {
  readonly ports: HostPorts & {
    readonly database: SqlDatabase;
    readonly alarm: Alarm & {
      /** The platform has taken the alarm away to deliver it. */
      rang(): void;
    };
  };
  /** Sees each message that arrives; for logs. */
  readonly onMessage?: (head: IncomingHead) => void;
  /** Resets the object; the next call builds a new instance. */
  readonly abort: (reason: string) => void;
}

/**
 * The receiving half of an endpoint's Durable Object. Made in the object's constructor: activation is `startServer`, and
 * raises the incarnation. Messages that arrive before `onStart` is done wait.
 */
export class DurableObjectHost {
  readonly #options: DurableObjectHostOptions;
  readonly #server: RpcServer;
  readonly #sessions: SessionAcceptor;

  constructor(options: DurableObjectHostOptions) {
    const { address, gateways, factory, ports, abort } = options;
    this.#options = options;
    this.#server = new RpcServer({
      address,
      gateways,
      factory,
      ports,
      // In an event of its own: the replies that tell callers leave before it.
      onBroken: (reason, error) => void ports.clock.schedule(0, () => abort(`${reason}: ${error.message}`)),
    });
    this.#sessions = new SessionAcceptor(
      {
        address,
        accept: (message) => {
          options.onMessage?.(message.head);
          this.#server.accept(message);
        },
        receive: (message) => this.#server.receive(message),
        identity: () => this.#server.identity(),
        now: () => ports.clock.now(),
        run: (nowMillis, body) => this.#server.run(nowMillis, body),
      },
      ports.ids,
    );
    if (this.#server.state !== "terminated") this.#server.start();
  }

  /** A message of the endpoint to itself; never rejects. */
  receive(envelope: RequestEnvelope): Promise<ReplyEnvelope> {
    return this.#server.receive(envelope);
  }

  /**
   * Opens a session, whose first batch is in the request.
   *
   * @param wrap makes of a session what the platform hands out.
   * @throws (rejects) UnknownMessageException for what is no request: nothing of it was let in.
   */
  openSession<S extends Session>(request: unknown, wrap: (session: HeldSession) => S): Promise<OpenReply<S>> {
    return this.#sessions.open(request, wrap);
  }

  /** The object's alarm: what is due runs within its event. Never rejects, so the platform never gives up on it. */
  async alarm(): Promise<void> {
    const { alarm, clock, log } = this.#options.ports;
    alarm.rang();
    try {
      await this.#server.onAlarm();
    } catch (error) {
      log.error(`alarm of ${this.#options.address}: the endpoint could not be started`, { error: String(error) });
      alarm.set(clock.now() + FAILED_ALARM_RETRY);
    }
  }
}
