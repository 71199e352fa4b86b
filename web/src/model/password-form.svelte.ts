import type { IdentityClient } from "../client/identity.ts";
import { ProblemError } from "../client/problem.ts";
import { Errand } from "./errand.svelte.ts";
import { formatProblem } from "./problem-words.ts";

/** Setting one's password: by a link, or by the one it was. */
export class PasswordForm extends Errand {
  isDone = $state.raw(false);
  readonly #client: IdentityClient;

  constructor(client: IdentityClient) {
    super();
    this.#client = client;
  }

  /** `login` is what the first administrator is to be called; null where the link is somebody's. */
  redeemLink(token: string, password: string, login: string | null): Promise<void> {
    return this.#set(
      () => this.#client.redeemLink(token, password, login),
      "The link is no good any more: it was used, has expired, or a newer one was made.",
    );
  }

  change(current: string, wanted: string): Promise<void> {
    return this.#set(
      () => this.#client.changePassword(current, wanted),
      "The present password is wrong.",
    );
  }

  async #set(work: () => Promise<void>, refusal: string): Promise<void> {
    this.isDone = false;
    this.isDone = await this.run(work, (error) =>
      error instanceof ProblemError && error.kind === "sign-in" ? refusal : formatProblem(error),
    );
  }
}
