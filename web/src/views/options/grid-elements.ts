import { type Column, type ColumnSet, isShown, ROW } from "../../model/options/chain-columns.ts";
import { type Cell, type CellId, unpackCell } from "../../model/options/chain-store.ts";
import { formatIndian } from "../../model/options/option-format.ts";

/** The place of one number. */
export interface Face {
  readonly element: HTMLElement;
  readonly text: Text;
  readonly column: Column;
}

/** Which number an element is the place of; null for none. */
export function findCell(target: EventTarget | null): Cell | null {
  const element = target instanceof Element ? target.closest<HTMLElement>("[data-cell]") : null;
  const id = element?.dataset["cell"];
  return id === undefined ? null : unpackCell(Number(id) as CellId);
}

/** Hide the columns of a row that are not in a set. */
export function hideOthers(line: Element, set: ColumnSet): void {
  for (const [index, each] of ROW.entries()) {
    const element = line.children[index];
    if (each !== null && element instanceof HTMLElement) {
      element.hidden = !isShown(each[1].name, set);
    }
  }
}

/** The row of headings. */
export function makeHead(): HTMLElement {
  const line = make("div", "", "row");
  line.ariaRowIndex = "1";
  for (const each of ROW) {
    const cell = make("div", "", "columnheader");
    cell.dataset["column"] = each?.[1].name ?? "strike";
    cell.textContent = each?.[1].title ?? "Strike";
    if (each !== null) {
      const side = each[0] === "calls" ? "Calls" : "Puts";
      cell.title = `${side}: ${each[1].words}`;
      cell.ariaLabel = cell.title;
    }
    line.append(cell);
  }
  return line;
}

export function makeFace(column: Column): Face {
  const element = make("div", "", "gridcell");
  element.dataset["column"] = column.name;
  element.tabIndex = -1;
  const text = document.createTextNode("");
  element.append(text);
  return { element, text, column };
}

export function makeStrike(strike: number): HTMLElement {
  const element = make("div", "", "rowheader");
  element.dataset["column"] = "strike";
  element.tabIndex = -1;
  element.textContent = formatIndian(strike, Number.isInteger(strike) ? 0 : 2);
  return element;
}

export function make(name: "div" | "span", className: string, role?: string): HTMLElement {
  const element = document.createElement(name);
  element.className = className;
  if (role !== undefined) {
    element.role = role;
  }
  return element;
}
