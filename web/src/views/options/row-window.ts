/** As high as the style sheet has a row, and the head. */
const ROW_PX = 24;
/** So many rows on either side of what is seen are ready to be scrolled to. */
const NEAR_ROWS = 8;

/** What is seen of a table's rows: only those that are near it are laid out and painted. */
export class RowWindow {
  readonly #scroller: HTMLElement;
  readonly #observer = new ResizeObserver(() => {
    this.#hideFar();
  });
  #rows: readonly HTMLElement[] = [];
  #kept = 0;
  /** The first row that is near, and the first behind those that are. */
  #near: readonly [number, number] = [0, 0];

  constructor(scroller: HTMLElement) {
    this.#scroller = scroller;
    scroller.addEventListener("scroll", this.#onScroll, { passive: true });
    this.#observer.observe(scroller);
  }

  close(): void {
    this.#scroller.removeEventListener("scroll", this.#onScroll);
    this.#observer.disconnect();
  }

  /** How many rows are seen at once, at least. */
  get size(): number {
    return Math.max(1, Math.floor(this.#scroller.clientHeight / ROW_PX) - 2);
  }

  /** Have other rows. */
  adopt(rows: readonly HTMLElement[]): void {
    this.#rows = rows;
    this.#hideFar();
  }

  isNear(row: number): boolean {
    return row >= this.#near[0] && row < this.#near[1];
  }

  /** Have this row laid out wherever it is: what is in one that is not cannot have the focus. */
  keep(row: number): void {
    this.#rows[row]?.classList.remove("far");
    this.#kept = row;
  }

  /** Bring a row to the middle. */
  center(row: number): void {
    const { clientHeight } = this.#scroller;
    this.#scroller.scrollTop = Math.max(0, (row + 1.5) * ROW_PX - clientHeight / 2);
  }

  /** Bring a row out from under the head, which covers what the browser believes is seen. */
  reveal(row: number): void {
    const highest = row * ROW_PX;
    const lowest = highest + 2 * ROW_PX - this.#scroller.clientHeight;
    this.#scroller.scrollTop = Math.min(highest, Math.max(lowest, this.#scroller.scrollTop));
  }

  #hideFar(): void {
    const { scrollTop, clientHeight } = this.#scroller;
    this.#near = [
      Math.floor(scrollTop / ROW_PX) - NEAR_ROWS,
      Math.ceil((scrollTop + clientHeight) / ROW_PX) + NEAR_ROWS,
    ];
    for (const [row, element] of this.#rows.entries()) {
      element.classList.toggle("far", !this.isNear(row) && row !== this.#kept);
    }
  }

  readonly #onScroll = (): void => {
    this.#hideFar();
  };
}
