import { computeBackoffMs } from "../helpers/backoff.ts";
import type { MachineClock, MachineMs } from "../helpers/instant.ts";
import { type StreamEvent, StreamProtocol } from "./stream-protocol.ts";
import type { Topic } from "./topic.ts";

const TICK_MS = 250;
/** A handshake that takes longer is taken for one that never ends. */
const OPENING_MS = 5_000;

/** How it stands with the server. */
export type LinkState =
  | { readonly name: "opening" }
  | { readonly name: "open" }
  | { readonly name: "lost"; readonly since: MachineMs; readonly retryAt: MachineMs };

export interface StreamSocketListener {
  onEvent(event: StreamEvent): void;
  onLink(state: LinkState): void;
}

export interface StreamSocketOptions {
  readonly url: string;
  readonly clock: MachineClock;
  readonly random: () => number;
  readonly listener: StreamSocketListener;
}

/** `/ws`, kept up: opened again, with jittered waits, until it is closed. */
export class StreamSocket {
  readonly #options: StreamSocketOptions;
  readonly #protocol = new StreamProtocol();
  #socket: WebSocket | null = null;
  #state: LinkState = { name: "opening" };
  #openingSince = 0 as MachineMs;
  #attempt = 0;
  #timer: ReturnType<typeof setInterval> | undefined;

  constructor(options: StreamSocketOptions) {
    this.#options = options;
  }

  start(): void {
    this.stop();
    this.#timer = setInterval(() => {
      this.#tick();
    }, TICK_MS);
    this.#open();
  }

  stop(): void {
    clearInterval(this.#timer);
    this.#drop();
    this.#attempt = 0;
    this.#setState({ name: "opening" });
  }

  subscribe(topic: Topic): void {
    this.#protocol.subscribe(topic);
    this.#flush();
  }

  unsubscribe(topic: Topic): void {
    this.#protocol.unsubscribe(topic);
    this.#flush();
  }

  /** Try again now, if there is no socket: somebody asked, or the network is back. */
  retry(): void {
    if (this.#state.name === "lost") {
      this.#open();
    }
  }

  #open(): void {
    const socket = new WebSocket(this.#options.url);
    this.#socket = socket;
    this.#openingSince = this.#options.clock();
    this.#setState({ name: "opening" });
    // What an abandoned socket still says is of no interest.
    const guard =
      <E extends Event>(handle: (event: E) => void) =>
      (event: E): void => {
        if (this.#socket === socket) {
          handle(event);
        }
      };
    socket.onopen = guard(() => {
      this.#protocol.open(this.#options.clock());
      this.#setState({ name: "open" });
      this.#flush();
    });
    socket.onmessage = guard((event: MessageEvent<unknown>) => {
      this.#receive(String(event.data));
    });
    socket.onclose = guard(() => {
      this.#lose();
    });
  }

  #receive(text: string): void {
    const event = this.#protocol.receive(text, this.#options.clock());
    this.#flush();
    if (event === null) {
      return;
    }
    if (event.type === "welcome") {
      this.#attempt = 0;
    }
    this.#options.listener.onEvent(event);
    if (event.type === "shutdown") {
      this.#lose(event.retryAfterS * 1_000);
    } else if (event.type === "fault" && event.topic === null) {
      this.#lose();
    }
  }

  #tick(): void {
    const now = this.#options.clock();
    switch (this.#state.name) {
      case "open": {
        const isDead = this.#protocol.tick(now);
        this.#flush();
        if (isDead) {
          this.#lose();
        }
        break;
      }
      case "opening":
        if (now - this.#openingSince > OPENING_MS) {
          this.#lose();
        }
        break;
      case "lost":
        if (now >= this.#state.retryAt) {
          this.#open();
        }
        break;
    }
  }

  #lose(atLeastMs = 0): void {
    this.#drop();
    const now = this.#options.clock();
    const waitMs = Math.max(atLeastMs, computeBackoffMs(this.#attempt, this.#options.random));
    this.#attempt += 1;
    this.#setState({ name: "lost", since: now, retryAt: (now + waitMs) as MachineMs });
  }

  #drop(): void {
    const socket = this.#socket;
    this.#socket = null;
    this.#protocol.close();
    // Nobody waits for the closing handshake: at a dead end it does not come.
    socket?.close();
  }

  #flush(): void {
    for (const text of this.#protocol.takeOutgoing()) {
      this.#socket?.send(text);
    }
  }

  #setState(state: LinkState): void {
    this.#state = state;
    this.#options.listener.onLink(state);
  }
}
