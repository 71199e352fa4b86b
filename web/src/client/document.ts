import { DecodeError, type Fields, readFields, readList } from "./decode.ts";

/**
 * Make the next state of a document: an object in an object's place holds changed members,
 * `{"i": [...], "v": [...]}` in a list's place changed cells by their places, and anything else
 * replaces what was there. The old state stays as it is. Throws a DecodeError.
 */
export function applyChanges(state: Fields, changes: Fields): Fields {
  const next: Record<string, unknown> = { ...state };
  for (const [name, change] of Object.entries(changes)) {
    next[name] = applyChange(state[name], change);
  }
  return next;
}

function applyChange(before: unknown, change: unknown): unknown {
  if (!isObject(change)) {
    return change;
  }
  if (Array.isArray(before)) {
    return applyCells(before, change);
  }
  return isObject(before) ? applyChanges(before, change) : change;
}

function applyCells(before: readonly unknown[], change: Fields): readonly unknown[] {
  const cells = [...before];
  const values = readList(change["v"]);
  for (const [index, place] of readList(change["i"]).entries()) {
    if (typeof place !== "number" || !(place in cells) || index >= values.length) {
      throw new DecodeError(`a place below ${cells.length} was wanted, found ${String(place)}`);
    }
    cells[place] = applyChange(cells[place], values[index]);
  }
  return cells;
}

function isObject(value: unknown): value is Fields {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** Follows a document by what a topic tells: the whole at first, then its changes, none left out. */
export class DocumentReader {
  #state: Fields = {};
  #rev = 0;

  /** Take in a message that tells the whole. Returns it. */
  takeWhole(fields: Fields): Fields {
    this.#state = readFields(fields["state"]);
    this.#rev = readRev(fields);
    return this.#state;
  }

  /** Take in a message that tells changes. Returns the whole. */
  takeChanges(fields: Fields): Fields {
    this.#rev = checkRev(this.#rev, fields);
    this.#state = applyChanges(this.#state, readFields(fields["changes"]));
    return this.#state;
  }
}

export function readRev(fields: Fields): number {
  const rev = fields["rev"];
  if (typeof rev !== "number") {
    throw new DecodeError(`the number of a change was wanted, found ${String(rev)}`);
  }
  return rev;
}

/** Return the number of a change, which follows the one before. Throws a DecodeError. */
export function checkRev(before: number, fields: Fields): number {
  const rev = readRev(fields);
  if (rev !== before + 1) {
    throw new DecodeError(`change ${before + 1} was wanted, found ${rev}`);
  }
  return rev;
}
