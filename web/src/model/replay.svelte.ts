import { ProblemError } from "../client/problem.ts";
import type { ReplayCommand, RestClient } from "../client/rest.ts";
import { formatInstant, type MarketMs } from "../helpers/instant.ts";

/** The speeds on offer; null is as fast as possible. */
export const SPEEDS = [1, 10, 60, 600, null] as const;
export type Speed = (typeof SPEEDS)[number];

export function nameSpeed(speed: number | null): string {
  return speed === null ? "max" : `${speed}x`;
}

/** The speed before or after, of those on offer. */
export function stepSpeed(speed: number | null, step: 1 | -1): Speed {
  const rank = (each: number | null): number => each ?? Infinity;
  const next =
    step === 1
      ? SPEEDS.find((each) => rank(each) > rank(speed))
      : SPEEDS.findLast((each) => rank(each) < rank(speed));
  return next === undefined ? (step === 1 ? null : 1) : next;
}

/** Tells a replay or the simulator what to do. What came of it is told by the market's status. */
export class ReplayControl {
  problem: string | null = $state.raw(null);
  readonly #rest: RestClient;

  constructor(rest: RestClient) {
    this.#rest = rest;
  }

  play(): Promise<void> {
    return this.#send({ action: "play" });
  }

  pause(): Promise<void> {
    return this.#send({ action: "pause" });
  }

  setSpeed(speed: Speed): Promise<void> {
    return this.#send({ action: "speed", speed: nameSpeed(speed) });
  }

  seek(to: MarketMs): Promise<void> {
    return this.#send({ action: "seek", to: formatInstant(to) });
  }

  async #send(command: ReplayCommand): Promise<void> {
    try {
      await this.#rest.controlReplay(command);
      this.problem = null;
    } catch (error) {
      this.problem = error instanceof ProblemError ? error.message : String(error);
    }
  }
}
