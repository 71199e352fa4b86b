import type { Grid, Strategy } from "../../client/builder.ts";
import { formatSigned } from "../format.ts";
import { formatCompact, formatIndian, withPlus } from "../options/option-format.ts";

/** What lies across a table of scenarios; the other one is a slider's. */
export const AXES = ["volatility", "time"] as const;
export type Axis = (typeof AXES)[number];

/** How far the underlying may move, per cent either way. */
export const REACHES = [2, 5, 10, 20] as const;
/** So many standard deviations until the horizon are worth a look. */
const DEVIATIONS = 2;

/** Shades of a cell on either side of 0. */
const HEATS = 5;
const MOVES = 21;
const VOL_SHIFTS = 11;
/** Fractions, either way. */
const VOL_REACH = 0.1;

export interface ScenarioCell {
  readonly text: string;
  /** From -5, the worst of the grid, to 5, the best. */
  readonly heat: number;
}

export interface ScenarioRow {
  readonly level: string;
  readonly move: string;
  /** Nearest to where the underlying is. */
  readonly isMoney: boolean;
  readonly cells: readonly ScenarioCell[];
}

/** Profit and loss over the levels and one of the other axes, at one place of the third. */
export interface ScenarioTable {
  readonly columns: readonly string[];
  readonly rows: readonly ScenarioRow[];
}

/** How far the scenarios of a strategy reach: two standard deviations, where its volatility is known. */
export function pickReach({
  probability_iv: iv,
  tau_years: tau,
}: Pick<Strategy, "probability_iv" | "tau_years">): number {
  const usual = 5;
  if (iv === null) {
    return usual;
  }
  const wanted = 100 * DEVIATIONS * iv * Math.sqrt(tau);
  return REACHES.find((each) => each >= wanted) ?? Math.max(...REACHES);
}

/** The axes of a grid that reaches so many per cent either way. */
export function makeAxes(reachPct: number): {
  readonly moves_pct: number[];
  readonly vol_shifts: number[];
} {
  return {
    moves_pct: spread(reachPct, MOVES),
    vol_shifts: spread(VOL_REACH, VOL_SHIFTS),
  };
}

/** Evenly from minus the reach to the reach, 0 in the middle. */
function spread(reach: number, count: number): number[] {
  const half = (count - 1) / 2;
  // Of whole numbers first: 0 is 0, and no step is written with a tail.
  return Array.from({ length: count }, (_, place) =>
    Number((((place - half) * reach) / half).toFixed(6)),
  );
}

/** In how many steps the axis can be cut that does not lie across. */
export function countCuts(grid: Grid, across: Axis): number {
  return across === "volatility" ? grid.days.length : grid.vol_shifts.length;
}

/** Where the cut stands at first: now, or volatility as it is. */
export function findFirstCut(grid: Grid, across: Axis): number {
  return across === "volatility" ? 0 : Math.max(0, grid.vol_shifts.indexOf(0));
}

/** What the cut is at, in words. */
export function describeCut(grid: Grid, across: Axis, cut: number): string {
  return across === "volatility"
    ? describeDays(grid, cut)
    : describeShift(grid.vol_shifts[cut] ?? 0);
}

function describeDays({ days }: Grid, place: number): string {
  const day = days[place] ?? 0;
  if (place === 0) {
    return "now";
  }
  const words = day < 1 ? `${formatIndian(day * 24, 1)} h` : `${formatIndian(day, 1)} days`;
  return place === days.length - 1 ? `${words}, the first expiry` : words;
}

function describeShift(shift: number): string {
  return shift === 0 ? "as it is" : `${formatSigned(shift * 100, 0)} points`;
}

/** Lay a grid out as a table, the highest level first as on a chart. */
export function layOutScenarios(
  grid: Grid,
  level: number,
  across: Axis,
  cut: number,
): ScenarioTable {
  const places = [...(across === "volatility" ? grid.vol_shifts : grid.days).keys()];
  const find = (row: number, place: number): number =>
    (across === "volatility" ? grid.pnls[row]?.[place]?.[cut] : grid.pnls[row]?.[cut]?.[place]) ??
    0;
  // One scale for the whole grid: the slider moves the colours, not what they mean.
  const most = Math.max(...grid.pnls.flat(2).map(Math.abs));
  const money = findNearestLevel(grid.levels, level);
  return {
    columns: places.map((place) =>
      across === "volatility"
        ? formatSigned((grid.vol_shifts[place] ?? 0) * 100, 0)
        : formatIndian(grid.days[place] ?? 0, 1),
    ),
    rows: grid.levels
      .map((each, row) => ({
        level: formatIndian(each),
        move: `${formatSigned((each / level - 1) * 100, 1)} %`,
        isMoney: row === money,
        cells: places.map((place) => shade(find(row, place), most)),
      }))
      .toReversed(),
  };
}

function findNearestLevel(levels: readonly number[], level: number): number {
  const distances = levels.map((each) => Math.abs(each - level));
  return distances.indexOf(Math.min(...distances));
}

function shade(pnl: number, most: number): ScenarioCell {
  const share = most > 0 ? Math.abs(pnl) / most : 0;
  const heat = Math.round(pnl) === 0 ? 0 : Math.sign(pnl) * Math.max(1, Math.ceil(share * HEATS));
  const rounded = Math.round(pnl);
  return { text: withPlus(rounded, formatCompact(rounded)), heat };
}
