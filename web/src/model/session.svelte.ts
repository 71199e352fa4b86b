import type { IdentityClient, Me, Scope } from "../client/identity.ts";
import { ProblemError } from "../client/problem.ts";
import { formatProblem } from "./problem-words.ts";

const RETRY_MS = 3_000;

/** Whether anybody is signed in; `unknown` until the server has said. */
export type SessionPhase = "unknown" | "nobody" | "somebody";

/** Who is in front of the page, as the server knows them. */
export class Session {
  phase: SessionPhase = $state.raw("unknown");
  me: Me | null = $state.raw(null);
  readonly #client: IdentityClient;
  #loading: Promise<void> | null = null;

  constructor(client: IdentityClient) {
    this.#client = client;
  }

  /** Tells one principal from the next; null for nobody. */
  get key(): string | null {
    const { me } = this;
    return me === null ? null : [me.credential, me.subject, me.session_id].join(" ");
  }

  /** By sitting at the machine itself, without an account. */
  get isDemo(): boolean {
    return this.me?.credential === "demo";
  }

  /** Whether there is something to sign out of. */
  get canSignOut(): boolean {
    return this.me?.credential === "session";
  }

  allows(scope: Scope): boolean {
    return this.me?.scopes.includes(scope) ?? false;
  }

  /** Ask who this is; again and again while nobody answers. */
  load(): Promise<void> {
    this.#loading ??= this.#load().finally(() => {
      this.#loading = null;
    });
    return this.#loading;
  }

  /** Returns what went wrong, in words; null when somebody is signed in. */
  async signIn(login: string, password: string): Promise<string | null> {
    try {
      this.#set(await this.#client.signIn(login, password));
      return null;
    } catch (error) {
      // The server does not say which it was, and neither is to be guessed at here.
      return error instanceof ProblemError && error.kind === "sign-in"
        ? "The name or the password is wrong."
        : formatProblem(error);
    }
  }

  /** Returns what went wrong, in words. */
  async signOut(): Promise<string | null> {
    try {
      await this.#client.signOut();
    } catch (error) {
      return formatProblem(error);
    }
    await this.load();
    return null;
  }

  async #load(): Promise<void> {
    try {
      this.#set(await this.#client.findMe());
    } catch {
      setTimeout(() => void this.load(), RETRY_MS);
    }
  }

  #set(me: Me | null): void {
    this.me = me;
    this.phase = me === null ? "nobody" : "somebody";
  }
}
