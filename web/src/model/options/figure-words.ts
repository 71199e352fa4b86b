import type { ChainMoment, Figures } from "../../client/chain.ts";
import {
  formatCompact,
  formatIndian,
  formatKnown,
  formatPercent,
  withPlus,
} from "./option-format.ts";

/** One figure of a chain as it is shown. */
export interface FigureWords {
  readonly name: string;
  /** What it is, in a sentence. */
  readonly words: string;
  readonly text: string;
}

const rupees = (value: number): string => formatIndian(value, 2);
const signedPoints = (value: number): string => withPlus(value, formatPercent(value));
const signedUnits = (value: number): string => withPlus(value, formatCompact(value));

/** What stands over a chain, from what matters most to what matters least. */
export function listFigures(moment: ChainMoment, figures: Figures): readonly FigureWords[] {
  const { forward } = moment;
  const show = (
    name: string,
    words: string,
    value: number | null,
    format: (value: number) => string,
  ): FigureWords => ({ name, words, text: formatKnown(value, format) });
  return [
    show("Spot", "what the underlying costs now", moment.spot, rupees),
    show("Forward", `by ${forward.source ?? "nothing known"}`, forward.value, rupees),
    show("ATM IV %", "implied volatility at the forward", figures.atm_iv, formatPercent),
    show("PCR OI", "puts over calls, by open interest", figures.pcr_oi, rupees),
    show("PCR vol.", "puts over calls, by volume", figures.pcr_volume, rupees),
    show("Max pain", "where all options together pay least", figures.max_pain, formatIndian),
    show("Straddle", "call and put at the money, rupees a unit", figures.straddle, rupees),
    show("Exp. move", "one standard deviation until the end", figures.expected_move, rupees),
    show("Call OI", "units", figures.call_oi, formatCompact),
    show("Call OI chg", "since the session before", figures.call_oi_change, signedUnits),
    show("Put OI", "units", figures.put_oi, formatCompact),
    show("Put OI chg", "since the session before", figures.put_oi_change, signedUnits),
    show("RR 25", "call's volatility less put's, points", figures.risk_reversal, signedPoints),
    show("BF 25", "their mean less the money's, points", figures.butterfly, signedPoints),
    show("GEX", "rupees to hedge a per cent", figures.gex, signedUnits),
  ];
}
