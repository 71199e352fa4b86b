import type { InstrumentSymbol } from "../client/bar.ts";
import { ProblemError } from "../client/problem.ts";
import type { RestClient, SessionRule } from "../client/rest.ts";
import type { SymbolInfo } from "../client/udf.ts";
import { Zone } from "../helpers/zone.ts";
import { SessionHours } from "./sessions.ts";

/** An instrument with what its chart needs to know. */
export interface Instrument extends SymbolInfo {
  readonly zone: Zone;
  readonly hours: SessionHours;
}

/** What loading one asks of the server. */
export type InstrumentClient = Pick<RestClient, "loadSymbol" | "loadSessionRules">;

/** Load an instrument by any of its names. Throws a ProblemError. */
export async function loadInstrument(
  rest: InstrumentClient,
  name: string,
  signal: AbortSignal,
): Promise<Instrument> {
  const info = await rest.loadSymbol(name, signal);
  const zone = new Zone(info.timezone);
  const rules = await loadRules(rest, info.symbol, signal);
  return { ...info, zone, hours: new SessionHours(zone, rules, info.corrections) };
}

/** Who may see bars and not the rules has a chart whose gaps are not marked. */
async function loadRules(
  rest: InstrumentClient,
  symbol: InstrumentSymbol,
  signal: AbortSignal,
): Promise<readonly SessionRule[]> {
  const venue = symbol.slice(0, symbol.indexOf(":"));
  try {
    return await rest.loadSessionRules(venue, signal);
  } catch (error) {
    if (error instanceof ProblemError && error.kind === "forbidden") {
      return [];
    }
    throw error;
  }
}
