import {
  type Chain,
  CHAIN_NUMBERS,
  type ChainDelta,
  type ChainMoment,
  type ChainNumber,
  type ChainSide,
  type Figures,
  type Patch,
  type Side,
  SIDES,
} from "../../client/chain.ts";
import { DecodeError } from "../../client/decode.ts";
import type { Nominal } from "../../helpers/nominal.ts";
import type { MarketMs } from "../../helpers/instant.ts";

/** One number of one option: its row, side and column in one small integer, as members of a set. */
export type CellId = Nominal<number, "CellId">;

export interface Cell {
  readonly row: number;
  readonly side: Side;
  readonly column: ChainNumber;
}

const WIDTH = CHAIN_NUMBERS.length;

export function packCell({ row, side, column }: Cell): CellId {
  return ((row * 2 + SIDES.indexOf(side)) * WIDTH + CHAIN_NUMBERS.indexOf(column)) as CellId;
}

export function unpackCell(id: CellId): Cell {
  const option = Math.floor(id / WIDTH);
  return {
    row: option >> 1,
    side: SIDES[option & 1] ?? "calls",
    column: CHAIN_NUMBERS[id % WIDTH] ?? "ltp",
  };
}

interface HeldSide {
  readonly symbols: readonly (string | null)[];
  readonly numbers: Record<ChainNumber, (number | null)[]>;
  readonly reasons: (string | null)[];
  readonly traded: (MarketMs | null)[];
}

/** A chain that is changed in place, and says what of it changed. */
export class ChainStore implements Chain {
  readonly underlying: string;
  readonly exchange: string;
  readonly expiry: string;
  readonly cutoff: MarketMs;
  readonly source: "live" | "minute";
  readonly lotSize: number;
  readonly spotSymbol: string | null;
  readonly futureSymbol: string | null;
  readonly strikes: readonly number[];
  moment: ChainMoment;
  figures: Figures;
  readonly calls: HeldSide;
  readonly puts: HeldSide;

  constructor(chain: Chain) {
    this.underlying = chain.underlying;
    this.exchange = chain.exchange;
    this.expiry = chain.expiry;
    this.cutoff = chain.cutoff;
    this.source = chain.source;
    this.lotSize = chain.lotSize;
    this.spotSymbol = chain.spotSymbol;
    this.futureSymbol = chain.futureSymbol;
    this.strikes = chain.strikes;
    this.moment = chain.moment;
    this.figures = chain.figures;
    this.calls = copySide(chain.calls);
    this.puts = copySide(chain.puts);
  }

  /** Whether another chain has the same rows, so that only numbers differ. */
  hasRowsOf(chain: Chain): boolean {
    return (
      this.underlying === chain.underlying &&
      this.exchange === chain.exchange &&
      this.expiry === chain.expiry &&
      this.strikes.length === chain.strikes.length &&
      this.strikes.every((strike, row) => strike === chain.strikes[row])
    );
  }

  find({ row, side, column }: Cell): number | null {
    return this[side].numbers[column][row] ?? null;
  }

  /** The row at the money: of the strike at the money, else of the one nearest to the spot; or -1. */
  get moneyRow(): number {
    const level = this.figures.atm_strike ?? this.moment.forward.value ?? this.moment.spot;
    if (level === null) {
      return -1;
    }
    let best = -1;
    for (const [row, strike] of this.strikes.entries()) {
      if (best < 0 || Math.abs(strike - level) < Math.abs((this.strikes[best] ?? 0) - level)) {
        best = row;
      }
    }
    return best;
  }

  /** Take over what changed. Returns the cells whose value is another now. Throws a DecodeError. */
  apply(delta: ChainDelta): CellId[] {
    const forward = { ...this.moment.forward, ...delta.forward };
    this.moment = { ...this.moment, ...delta.moment, forward };
    this.figures = { ...this.figures, ...delta.figures };
    const changed: CellId[] = [];
    for (const side of SIDES) {
      const held = this[side];
      const { numbers, reasons, traded } = delta[side];
      for (const column of CHAIN_NUMBERS) {
        const patch = numbers[column];
        if (patch !== undefined) {
          write(held.numbers[column], patch, (row) => {
            changed.push(packCell({ row, side, column }));
          });
        }
      }
      if (reasons !== null) {
        write(held.reasons, reasons);
      }
      if (traded !== null) {
        write(held.traded, traded);
      }
    }
    return changed;
  }
}

function copySide(side: ChainSide): HeldSide {
  const numbers = CHAIN_NUMBERS.map((name) => [name, [...side.numbers[name]]]);
  return {
    symbols: side.symbols,
    numbers: Object.fromEntries(numbers) as HeldSide["numbers"],
    reasons: [...side.reasons],
    traded: [...side.traded],
  };
}

function write<T>(held: (T | null)[], patch: Patch<T>, onChange?: (row: number) => void): void {
  for (const [index, row] of patch.rows.entries()) {
    if (!Number.isInteger(row) || row < 0 || row >= held.length) {
      throw new DecodeError(`a row below ${held.length} was wanted, found ${row}`);
    }
    const value = patch.values[index] ?? null;
    if (held[row] !== value) {
      held[row] = value;
      onChange?.(row);
    }
  }
}
