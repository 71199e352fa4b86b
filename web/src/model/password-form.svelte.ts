import type { IdentityClient } from "../client/identity.ts";
import { ProblemError } from "../client/problem.ts";
import { formatProblem } from "./problem-words.ts";

/** Setting one's password: by a link, or by the one it was. */
export class PasswordForm {
  problem: string | null = $state.raw(null);
  isBusy = $state.raw(false);
  isDone = $state.raw(false);
  readonly #client: IdentityClient;

  constructor(client: IdentityClient) {
    this.#client = client;
  }

  /** `login` is what the first administrator is to be called; null where the link is somebody's. */
  redeemLink(token: string, password: string, login: string | null): Promise<void> {
    return this.#run(
      () => this.#client.redeemLink(token, password, login),
      "The link is no good any more: it was used, has expired, or a newer one was made.",
    );
  }

  change(current: string, wanted: string): Promise<void> {
    return this.#run(
      () => this.#client.changePassword(current, wanted),
      "The present password is wrong.",
    );
  }

  async #run(work: () => Promise<void>, refusal: string): Promise<void> {
    this.isBusy = true;
    this.isDone = false;
    this.problem = null;
    try {
      await work();
      this.isDone = true;
    } catch (error) {
      const isRefused = error instanceof ProblemError && error.kind === "sign-in";
      this.problem = isRefused ? refusal : formatProblem(error);
    } finally {
      this.isBusy = false;
    }
  }
}
