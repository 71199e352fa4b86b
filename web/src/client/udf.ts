import type { InstrumentSymbol } from "./bar.ts";
import { readFields, readList, readNumber, readText } from "./decode.ts";
import { ProblemError } from "./problem.ts";

/** One line of `/udf/search`. */
export interface FoundSymbol {
  readonly symbol: InstrumentSymbol;
  readonly name: string;
  readonly description: string;
  readonly exchange: string;
  readonly kind: string;
}

/** What `/udf/symbols` says of one. */
export interface SymbolInfo extends FoundSymbol {
  readonly timezone: string;
  /** Of the day's special sessions, as `0915-1230:20240302,...;...`. */
  readonly corrections: string;
  /** Digits behind the point. */
  readonly decimals: number;
  /** An index trades nothing of its own. */
  readonly hasVolume: boolean;
  readonly isExpired: boolean;
}

export function decodeFoundSymbols(body: unknown): readonly FoundSymbol[] {
  return readList(body).map((each) => {
    const fields = readFields(each);
    return {
      symbol: readText(fields, "ticker") as InstrumentSymbol,
      name: readText(fields, "symbol"),
      description: readText(fields, "description"),
      exchange: readText(fields, "exchange"),
      kind: readText(fields, "type"),
    };
  });
}

/** Throws a ProblemError: UDF says with status 200 what it does not know. */
export function decodeSymbol(body: unknown): SymbolInfo {
  const fields = readFields(body);
  if (fields["s"] === "error") {
    throw new ProblemError("not-found", readText(fields, "errmsg"));
  }
  return {
    symbol: readText(fields, "ticker") as InstrumentSymbol,
    name: readText(fields, "name"),
    description: readText(fields, "description"),
    exchange: readText(fields, "exchange"),
    kind: readText(fields, "type"),
    timezone: readText(fields, "timezone"),
    corrections: readText(fields, "corrections"),
    decimals: Math.round(Math.log10(readNumber(fields, "pricescale"))),
    hasVolume: readText(fields, "visible_plots_set") === "ohlcv",
    isExpired: fields["expired"] === true,
  };
}
