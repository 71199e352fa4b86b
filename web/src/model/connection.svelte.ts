import type { Bar, InstrumentSymbol, Timeframe } from "../client/bar.ts";
import type { TopicName } from "../client/bar-messages.ts";
import type { BarEvent } from "../client/bar-protocol.ts";
import { BarSocket, type LinkState } from "../client/bar-socket.ts";
import { ProblemError } from "../client/problem.ts";
import type { RestClient } from "../client/rest.ts";
import type { MachineClock, MachineMs, MarketMs } from "../helpers/instant.ts";
import type { Access } from "./feed.ts";
import type { HeardStatus } from "./market-clock.ts";

/** Who is told of a topic. */
export interface TopicListener {
  onSnapshot(bars: readonly Bar[], asOf: MarketMs | null): void;
  onBar(bar: Bar, asOf: MarketMs | null): void;
  onRefused(code: string, message: string): void;
}

export interface ConnectionOptions {
  readonly url: string;
  readonly clock: MachineClock;
  readonly random: () => number;
  readonly rest: RestClient;
}

/** The page's one socket, as values that views follow. */
export class Connection {
  link: LinkState = $state.raw({ name: "opening" });
  heard: HeardStatus | null = $state.raw(null);
  access: Access = $state.raw("unknown");
  /** When a status or a bar came last. */
  newsAt: MachineMs = $state.raw(0 as MachineMs);
  /** The server's version. */
  version: string | null = $state.raw(null);
  readonly #options: ConnectionOptions;
  readonly #socket: BarSocket;
  readonly #listeners = new Map<TopicName, TopicListener>();

  constructor(options: ConnectionOptions) {
    this.#options = options;
    this.#socket = new BarSocket({
      ...options,
      listener: {
        onEvent: (event) => {
          this.#onEvent(event);
        },
        onLink: (state) => {
          this.#onLink(state);
        },
      },
    });
  }

  /** Open the socket; one that is open already is opened again, as whoever is signed in by now. */
  start(): void {
    this.access = "unknown";
    this.#socket.start();
  }

  /** Nobody is signed in: what was heard is not theirs to see, and nothing more is asked for. */
  deny(): void {
    this.#socket.stop();
    this.access = "sign-in";
    this.heard = null;
  }

  retry(): void {
    this.#socket.retry();
  }

  /** Listen to a topic. Returns how to stop it. */
  listen(symbol: InstrumentSymbol, timeframe: Timeframe, listener: TopicListener): () => void {
    const topic = this.#socket.subscribe(symbol, timeframe);
    this.#listeners.set(topic, listener);
    return () => {
      this.#listeners.delete(topic);
      this.#socket.unsubscribe(topic);
    };
  }

  #onEvent(event: BarEvent): void {
    switch (event.type) {
      case "welcome":
        this.version = event.version;
        this.access = "granted";
        break;
      case "status":
        this.newsAt = this.#options.clock();
        this.heard = { status: event.status, at: this.newsAt };
        break;
      case "snapshot":
        this.#listeners.get(event.topic)?.onSnapshot(event.bars, event.asOf);
        break;
      case "bar":
        this.newsAt = this.#options.clock();
        this.#listeners.get(event.topic)?.onBar(event.bar, event.asOf);
        break;
      case "refused":
        this.#listeners.get(event.topic)?.onRefused(event.code, event.message);
        break;
      case "fault":
      case "shutdown":
        break; // The socket sees to both.
    }
  }

  #onLink(state: LinkState): void {
    this.link = state;
    if (state.name === "lost") {
      void this.#findAccess();
    }
  }

  /** A browser does not say why a handshake failed, nor a close whether to sign in; a request does. */
  async #findAccess(): Promise<void> {
    try {
      await this.#options.rest.checkAccess();
    } catch (error) {
      const kind = error instanceof ProblemError ? error.kind : "fault";
      this.access = kind === "sign-in" || kind === "forbidden" ? kind : "unknown";
    }
  }
}
