import "./chain-grid.css";

import type { MachineClock } from "../../helpers/instant.ts";
import { UNKNOWN } from "../../model/format.ts";
import { type ColumnSet, isShown, ROW } from "../../model/options/chain-columns.ts";
import {
  type Cell,
  type CellId,
  type ChainStore,
  packCell,
  unpackCell,
} from "../../model/options/chain-store.ts";
import type { ChainSink } from "../../model/options/chain-view.svelte.ts";
import { moveCursor, type Place } from "../../model/options/grid-cursor.ts";
import { align } from "../../model/options/option-format.ts";
import { findScale, hasWidePremiums } from "../../model/options/scales.ts";
import {
  type Face,
  findCell,
  hideOthers,
  make,
  makeFace,
  makeHead,
  makeStrike,
} from "./grid-elements.ts";
import { RowWindow } from "./row-window.ts";

/** What a picture may take of writing; what is left goes with the next. */
const WRITING_MS = 6;

interface Line {
  readonly element: HTMLElement;
  /** From left to right; the strike among them. */
  readonly places: readonly HTMLElement[];
}

export interface GridOptions {
  readonly host: HTMLElement;
  /** What scrolls. */
  readonly scroller: HTMLElement;
  readonly clock: MachineClock;
  /** Is told which number is pointed at, or has the focus; null for none. */
  readonly onPick: (cell: Cell | null) => void;
}

/** The chain's table: every number a text of its own that is written when it changes, and no other. */
export class ChainGrid implements ChainSink {
  readonly #options: GridOptions;
  readonly #head = make("div", "head", "rowgroup");
  readonly #body = make("div", "body", "rowgroup");
  readonly #window: RowWindow;
  #lines: Line[] = [];
  #faces = new Map<CellId, Face>();
  #chain: ChainStore | null = null;
  #set: ColumnSet = "all";
  #cursor: Place = { row: 0, place: 0 };
  #moneyRow = -1;
  #scale = 0;

  constructor(options: GridOptions) {
    this.#options = options;
    const { host } = options;
    this.#window = new RowWindow(options.scroller);
    host.append(this.#head, this.#body);
    this.#head.append(makeHead());
    this.#body.addEventListener("keydown", this.#onKeydown);
    this.#body.addEventListener("focusin", this.#onFocus);
    this.#body.addEventListener("focusout", this.#onLeave);
    this.#body.addEventListener("pointerover", this.#onPoint);
    this.#body.addEventListener("pointerleave", this.#onLeave);
  }

  /** Let go of what outlives the table. */
  close(): void {
    this.#window.close();
  }

  /** Show other columns. */
  show(set: ColumnSet): void {
    this.#set = set;
    this.#options.host.dataset["set"] = set;
    for (const line of [...this.#head.children, ...this.#lines.map((each) => each.element)]) {
      hideOthers(line, set);
    }
    this.#moveTo({ ...this.#cursor, place: this.#findShown().indexOf(ROW.indexOf(null)) }, false);
  }

  redraw(chain: ChainStore, { keepsView }: { readonly keepsView: boolean }): void {
    this.#chain = chain;
    if (!keepsView || this.#lines.length !== chain.strikes.length) {
      this.#build(chain);
    }
    for (const [id, face] of this.#faces) {
      this.#write(face, chain.find(unpackCell(id)));
    }
    this.#drawBars(chain);
    this.#markMoney(chain);
    this.#options.host.dataset["premiums"] = hasWidePremiums(chain) ? "wide" : "";
    if (!keepsView) {
      this.goToMoney(false);
    }
  }

  patch(cells: ReadonlySet<CellId>): ReadonlySet<CellId> {
    const chain = this.#chain;
    if (chain === null) {
      return new Set();
    }
    const left = new Set<CellId>();
    const until = this.#options.clock() + WRITING_MS;
    for (const id of cells) {
      if (this.#window.isNear(unpackCell(id).row)) {
        this.#rewrite(chain, id);
      } else {
        left.add(id);
      }
    }
    for (const id of left) {
      if (this.#options.clock() > until) {
        break;
      }
      left.delete(id);
      this.#rewrite(chain, id);
    }
    if (findScale(chain) !== this.#scale) {
      this.#drawBars(chain);
    }
    this.#markMoney(chain);
    return left;
  }

  /** Bring the money to the middle of what is seen. */
  goToMoney(focuses: boolean): void {
    const row = Math.max(0, this.#moneyRow);
    const { scroller } = this.#options;
    this.#window.center(row);
    scroller.scrollLeft = (scroller.scrollWidth - scroller.clientWidth) / 2;
    this.#moveTo({ ...this.#cursor, row }, focuses);
  }

  #build(chain: ChainStore): void {
    this.#faces = new Map();
    this.#moneyRow = -1;
    this.#lines = chain.strikes.map((strike, row) => this.#makeLine(strike, row));
    const rows = this.#lines.map((each) => each.element);
    this.#body.replaceChildren(...rows);
    this.#window.adopt(rows);
    this.#options.host.ariaRowCount = String(chain.strikes.length + 1);
    this.#cursor = { row: 0, place: this.#findShown().indexOf(ROW.indexOf(null)) };
  }

  #makeLine(strike: number, row: number): Line {
    const element = make("div", "", "row");
    element.ariaRowIndex = String(row + 2);
    const places = ROW.map((each) => {
      if (each === null) {
        return makeStrike(strike);
      }
      const [side, column] = each;
      const face = makeFace(column);
      const id = packCell({ row, side, column: column.name });
      face.element.dataset["side"] = side;
      face.element.dataset["cell"] = String(id);
      this.#faces.set(id, face);
      return face.element;
    });
    element.append(...places);
    hideOthers(element, this.#set);
    return { element, places };
  }

  #rewrite(chain: ChainStore, id: CellId): void {
    const face = this.#faces.get(id);
    if (face !== undefined) {
      this.#write(face, chain.find(unpackCell(id)));
    }
  }

  #write({ element, text, column }: Face, value: number | null): void {
    const written = value === null ? UNKNOWN : align(column.format(value), column.width);
    if (text.data !== written) {
      text.data = written;
    }
    if (column.isSigned) {
      const sign = value === null || value === 0 ? "" : value > 0 ? "up" : "down";
      if (element.dataset["sign"] !== sign) {
        element.dataset["sign"] = sign;
      }
    }
    if (column.name === "oi" && this.#scale > 0) {
      const bar = `${Math.round((100 * (value ?? 0)) / this.#scale)}%`;
      if (element.style.getPropertyValue("--bar") !== bar) {
        element.style.setProperty("--bar", bar);
      }
    }
  }

  /** Draw the open interest of all strikes anew, to a scale that fits the greatest. */
  #drawBars(chain: ChainStore): void {
    this.#scale = findScale(chain);
    for (const [id, face] of this.#faces) {
      if (face.column.name === "oi") {
        this.#write(face, chain.find(unpackCell(id)));
      }
    }
  }

  #markMoney(chain: ChainStore): void {
    const row = chain.moneyRow;
    if (row === this.#moneyRow) {
      return;
    }
    this.#moneyRow = row;
    for (const [index, { element }] of this.#lines.entries()) {
      const where = row < 0 ? "" : index < row ? "below" : index > row ? "above" : "at";
      if (element.dataset["money"] !== where) {
        element.dataset["money"] = where;
      }
    }
  }

  #findShown(): number[] {
    return ROW.flatMap((each, index) =>
      each === null || isShown(each[1].name, this.#set) ? [index] : [],
    );
  }

  #find({ row, place }: Place): HTMLElement | undefined {
    return this.#lines[row]?.places[this.#findShown()[place] ?? 0];
  }

  #moveTo(place: Place, focuses: boolean): void {
    const before = this.#find(this.#cursor);
    if (before !== undefined) {
      before.tabIndex = -1;
    }
    this.#cursor = place;
    this.#window.keep(place.row);
    const element = this.#find(place);
    if (element === undefined) {
      return;
    }
    element.tabIndex = 0;
    if (focuses) {
      this.#window.reveal(place.row);
      element.focus({ preventScroll: true });
      element.scrollIntoView({ block: "nearest", inline: "nearest" });
    }
  }

  readonly #onKeydown = (event: KeyboardEvent): void => {
    if (event.ctrlKey || event.metaKey || event.altKey) {
      return;
    }
    const place = moveCursor(this.#cursor, event.key, {
      rows: this.#lines.length,
      places: this.#findShown().length,
      page: this.#window.size,
      home: this.#moneyRow,
    });
    if (place !== null) {
      event.preventDefault();
      if (event.key === "Home") {
        this.goToMoney(true);
      } else {
        this.#moveTo(place, true);
      }
    }
  };

  readonly #onFocus = (event: FocusEvent): void => {
    this.#moveTo(this.#locate(event.target) ?? this.#cursor, false);
    this.#options.onPick(findCell(event.target));
  };

  readonly #onPoint = (event: PointerEvent): void => {
    const cell = findCell(event.target);
    if (cell !== null) {
      this.#options.onPick(cell);
    }
  };

  readonly #onLeave = (): void => {
    this.#options.onPick(findCell(document.activeElement));
  };

  #locate(target: EventTarget | null): Place | null {
    const element = target instanceof Element ? target.closest<HTMLElement>("[data-column]") : null;
    const line = element?.parentElement ?? null;
    const row = this.#lines.findIndex((each) => each.element === line);
    const index = this.#lines[row]?.places.findIndex((each) => each === element) ?? -1;
    return index < 0 ? null : { row, place: this.#findShown().indexOf(index) };
  }
}
