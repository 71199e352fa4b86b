import { type Side, SIDES } from "../../client/chain.ts";
import type { ChainStore } from "./chain-store.ts";

/** The next of 1, 1.5, 2, 3, 5, 7.5 times a power of ten: so a scale stands while its greatest grows. */
export function roundUp(value: number): number {
  if (!(value > 0)) {
    return 0;
  }
  const power = 10 ** Math.floor(Math.log10(value));
  const step = [1, 1.5, 2, 3, 5, 7.5].find((each) => each * power >= value) ?? 10;
  return step * power;
}

/** Whether premiums are such that their columns need room for four digits before the point. */
export function hasWidePremiums(chain: ChainStore): boolean {
  return SIDES.some((side) => chain[side].numbers.ltp.some((each) => (each ?? 0) >= 1_000));
}

/** What the longest bar of open interest stands for, on both sides alike; 0 where none is known. */
export function findScale(chain: ChainStore): number {
  const greatest = (side: Side): number =>
    chain[side].numbers.oi.reduce<number>((most, each) => Math.max(most, each ?? 0), 0);
  return roundUp(Math.max(...SIDES.map(greatest)));
}
