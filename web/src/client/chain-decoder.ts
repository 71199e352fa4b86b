import { type MarketMs, parseInstant } from "../helpers/instant.ts";
import {
  type Chain,
  CHAIN_FIGURES,
  CHAIN_NUMBERS,
  type ChainDelta,
  type ChainNumber,
  type ChainSide,
  type Figures,
  type Forward,
  type Patch,
  type SideDelta,
} from "./chain.ts";
import {
  DecodeError,
  type Fields,
  findNumber,
  findText,
  readFields,
  readList,
  readNumber,
  readOneOf,
  readText,
} from "./decode.ts";

/** Reads one value of a list; null is unknown. Throws a DecodeError. */
type ReadValue<T> = (value: unknown) => T | null;

/** Read a chain, of REST or as a stream's snapshot. Throws a DecodeError. */
export function decodeChain(fields: Fields): Chain {
  const strikes = readList(fields["strikes"]).map((each) => readPlainNumber(each));
  return {
    underlying: readText(fields, "underlying"),
    exchange: readText(fields, "exchange"),
    expiry: readText(fields, "expiry"),
    cutoff: parseInstant(readText(fields, "cutoff")),
    source: readOneOf(fields, "source", ["live", "minute"]),
    lotSize: readNumber(fields, "lot_size"),
    spotSymbol: findText(fields, "spot_symbol"),
    futureSymbol: findText(fields, "future_symbol"),
    moment: {
      asOf: parseInstant(readText(fields, "as_of")),
      spot: findNumber(fields, "spot"),
      future: findNumber(fields, "future"),
      forward: decodeForward(fields["forward"]),
      tauYears: findNumber(fields, "tau_years"),
    },
    figures: decodeFigures(readFields(fields["figures"])),
    strikes,
    calls: decodeSide(readFields(fields["calls"]), strikes.length),
    puts: decodeSide(readFields(fields["puts"]), strikes.length),
  };
}

/** Read what changed in a chain. What is not named has not changed. Throws a DecodeError. */
export function decodeChainDelta(fields: Fields): ChainDelta {
  return {
    moment: decodeMomentChange(fields),
    forward: has(fields, "forward") ? decodeForwardChange(readFields(fields["forward"])) : {},
    figures: has(fields, "figures") ? decodeFigureChange(readFields(fields["figures"])) : {},
    calls: decodeSideDelta(fields["calls"]),
    puts: decodeSideDelta(fields["puts"]),
  };
}

function decodeMomentChange(fields: Fields): ChainDelta["moment"] {
  return {
    ...(has(fields, "as_of") ? { asOf: parseInstant(readText(fields, "as_of")) } : {}),
    ...(has(fields, "spot") ? { spot: findNumber(fields, "spot") } : {}),
    ...(has(fields, "future") ? { future: findNumber(fields, "future") } : {}),
    ...(has(fields, "tau_years") ? { tauYears: findNumber(fields, "tau_years") } : {}),
  };
}

function has(fields: Fields, name: string): boolean {
  return fields[name] !== undefined;
}

function decodeForward(value: unknown): Forward {
  const fields = readFields(value);
  return { value: findNumber(fields, "value"), source: findText(fields, "source") };
}

function decodeForwardChange(fields: Fields): Partial<Forward> {
  return {
    ...(has(fields, "value") ? { value: findNumber(fields, "value") } : {}),
    ...(has(fields, "source") ? { source: findText(fields, "source") } : {}),
  };
}

function decodeFigures(fields: Fields): Figures {
  const pairs = CHAIN_FIGURES.map((name) => [name, findNumber(fields, name)]);
  return Object.fromEntries(pairs) as Figures;
}

function decodeFigureChange(fields: Fields): Partial<Figures> {
  const named = CHAIN_FIGURES.filter((name) => has(fields, name));
  return Object.fromEntries(named.map((name) => [name, findNumber(fields, name)]));
}

function decodeSide(fields: Fields, count: number): ChainSide {
  const read = <T>(name: string, readValue: ReadValue<T>): readonly (T | null)[] => {
    const values = readList(fields[name]).map(readValue);
    if (values.length !== count) {
      throw new DecodeError(`${count} values were wanted in ${name}, found ${values.length}`);
    }
    return values;
  };
  const numbers = CHAIN_NUMBERS.map((name) => [name, read(name, toNumber)]);
  return {
    symbols: read("symbol", toText),
    numbers: Object.fromEntries(numbers) as ChainSide["numbers"],
    reasons: read("reason", toText),
    traded: read("ts", toInstant),
  };
}

function decodeSideDelta(value: unknown): SideDelta {
  const fields = value === undefined ? {} : readFields(value);
  const numbers: Partial<Record<ChainNumber, Patch<number>>> = {};
  for (const name of CHAIN_NUMBERS) {
    if (has(fields, name)) {
      numbers[name] = decodePatch(fields[name], toNumber);
    }
  }
  return {
    numbers,
    reasons: has(fields, "reason") ? decodePatch(fields["reason"], toText) : null,
    traded: has(fields, "ts") ? decodePatch(fields["ts"], toInstant) : null,
  };
}

function decodePatch<T>(value: unknown, readValue: ReadValue<T>): Patch<T> {
  const fields = readFields(value);
  const rows = readList(fields["i"]).map((each) => readPlainNumber(each));
  const values = readList(fields["v"]).map(readValue);
  if (rows.length !== values.length) {
    throw new DecodeError(`${rows.length} values were wanted, found ${values.length}`);
  }
  return { rows, values };
}

function readPlainNumber(value: unknown): number {
  return toNumber(value) ?? failOn(value);
}

function toNumber(value: unknown): number | null {
  return value === null || typeof value === "number" ? value : failOn(value);
}

function toText(value: unknown): string | null {
  return value === null || typeof value === "string" ? value : failOn(value);
}

function toInstant(value: unknown): MarketMs | null {
  const text = toText(value);
  return text === null ? null : parseInstant(text);
}

function failOn(value: unknown): never {
  throw new DecodeError(`a value of a chain was wanted, found ${JSON.stringify(value)}`);
}
