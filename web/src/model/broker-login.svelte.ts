import type { BrokerLoginClient, BrokerLoginStatus } from "../client/broker-login.ts";
import { Errand } from "./errand.svelte.ts";
import type { Preferences } from "./preferences.ts";

/** What a tab remembers of the login it began. */
const STATE = "broker-login";
const POLL_MS = 5_000;

/** The desk's login with the broker: how it is, where to make the next one, and making it. */
export class BrokerLogin extends Errand {
  /** Null until the server has said. */
  status: BrokerLoginStatus | null = $state.raw(null);
  /** Where to log in; null where somebody may not, or need not. */
  url: string | null = $state.raw(null);
  readonly #client: BrokerLoginClient;
  readonly #preferences: Preferences;
  readonly #makeState: () => string;
  #timer: ReturnType<typeof setInterval> | null = null;

  /** `makeState` draws what nobody else could guess. */
  constructor(client: BrokerLoginClient, preferences: Preferences, makeState: () => string) {
    super();
    this.#client = client;
    this.#preferences = preferences;
    this.#makeState = makeState;
  }

  /** Whether prices wait for somebody to log in. */
  get isWanted(): boolean {
    return this.status !== null && this.status.is_configured && this.status.state !== "valid";
  }

  /** Ask now, and from then on, for the token dies in the morning and others log in, too. */
  open(): void {
    void this.load();
    this.#timer = setInterval(() => void this.load(), POLL_MS);
  }

  close(): void {
    if (this.#timer !== null) {
      clearInterval(this.#timer);
    }
  }

  async load(): Promise<void> {
    try {
      this.#set(await this.#client.load());
    } catch {
      // What was known stays: it is asked again, and the page tells of a server that is away.
    }
  }

  /** Whether the broker's redirect ends a login that was begun in this browser. */
  isOurs(state: string | null): boolean {
    return state !== null && state !== "" && state === this.#preferences.find(STATE);
  }

  /** Returns whether somebody is logged in now. */
  finish(requestToken: string): Promise<boolean> {
    // Good once, like the token.
    this.#preferences.set(STATE, "");
    return this.run(async () => {
      this.#set(await this.#client.logIn(requestToken));
    });
  }

  #set(status: BrokerLoginStatus): void {
    this.status = status;
    this.url = status.login_url === null ? null : this.#addState(status.login_url);
  }

  /** Have the broker bring back what shows that the login was begun here (and by no other site). */
  #addState(loginUrl: string): string {
    let state = this.#preferences.find(STATE);
    if (state === null || state === "") {
      state = this.#makeState();
      this.#preferences.set(STATE, state);
    }
    const url = new URL(loginUrl);
    url.searchParams.set("redirect_params", new URLSearchParams({ state }).toString());
    return url.href;
  }
}

/** What is the matter, and since when, for people. */
export function describeLogin(status: BrokerLoginStatus): string {
  switch (status.state) {
    case "none":
      return status.reason ?? "Nobody has logged in with the broker yet.";
    case "expired":
      return "The broker has ended the login, as it does every morning.";
    case "refused":
      return "The broker does not take the login any more.";
    case "valid":
      return `Logged in with the broker as ${status.broker_user ?? "somebody"}.`;
  }
}
