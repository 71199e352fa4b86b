import { ProblemError } from "../client/problem.ts";
import type { RestClient } from "../client/rest.ts";
import type { StreamEvent } from "../client/stream-protocol.ts";
import { type LinkState, StreamSocket } from "../client/stream-socket.ts";
import type { Topic } from "../client/topic.ts";
import type { MachineClock, MachineMs } from "../helpers/instant.ts";
import type { Access } from "./feed.ts";
import type { HeardStatus } from "./market-clock.ts";

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
  /** When a status, or something of a topic, came last. */
  newsAt: MachineMs = $state.raw(0 as MachineMs);
  /** The server's version. */
  version: string | null = $state.raw(null);
  readonly #options: ConnectionOptions;
  readonly #socket: StreamSocket;

  constructor(options: ConnectionOptions) {
    this.#options = options;
    this.#socket = new StreamSocket({
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
  listen(topic: Topic): () => void {
    this.#socket.subscribe(topic);
    return () => {
      this.#socket.unsubscribe(topic);
    };
  }

  #onEvent(event: StreamEvent): void {
    switch (event.type) {
      case "welcome":
        this.version = event.version;
        this.access = "granted";
        break;
      case "status":
        this.newsAt = this.#options.clock();
        this.heard = { status: event.status, at: this.newsAt };
        break;
      case "news":
        this.newsAt = this.#options.clock();
        break;
      case "snapshot":
      case "refused":
        break; // The topic's listener knows.
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
