import { formatProblem } from "./problem-words.ts";

/** Something that asks the server to do things: busy meanwhile, and with the problem it met last. */
export class Errand {
  problem: string | null = $state.raw(null);
  isBusy = $state.raw(false);

  /** Returns whether it was done; `explain` puts what was thrown into words. */
  protected async run(
    work: () => Promise<void>,
    explain: (error: unknown) => string = formatProblem,
  ): Promise<boolean> {
    this.isBusy = true;
    this.problem = null;
    try {
      await work();
      return true;
    } catch (error) {
      this.problem = explain(error);
      return false;
    } finally {
      this.isBusy = false;
    }
  }
}
