import type { MachineClock, MachineMs } from "../helpers/instant.ts";

const EVERY_MS = 250;

/** The machine's time as a value that views follow; ages are counted from it. */
export class Ticker {
  now: MachineMs = $state.raw(0 as MachineMs);
  readonly #clock: MachineClock;
  #timer: ReturnType<typeof setInterval> | undefined;

  constructor(clock: MachineClock) {
    this.#clock = clock;
    this.now = clock();
  }

  start(): void {
    this.#timer = setInterval(() => {
      this.now = this.#clock();
    }, EVERY_MS);
  }

  stop(): void {
    clearInterval(this.#timer);
  }
}
