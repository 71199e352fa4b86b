/** A place in a grid. */
export interface Place {
  readonly row: number;
  /** From left to right, of those that are shown. */
  readonly place: number;
}

/** What a grid is, for moving about in it. */
export interface GridShape {
  readonly rows: number;
  readonly places: number;
  /** Rows that are seen at a time. */
  readonly page: number;
  /** Where Home leads: the row at the money, -1 where nobody knows it. */
  readonly home: number;
}

/** Where a key leads from a place; null for a key that leads nowhere. */
export function moveCursor(from: Place, key: string, shape: GridShape): Place | null {
  const { row, place } = from;
  switch (key) {
    case "ArrowUp":
      return keep(row - 1, place, shape);
    case "ArrowDown":
      return keep(row + 1, place, shape);
    case "ArrowLeft":
      return keep(row, place - 1, shape);
    case "ArrowRight":
      return keep(row, place + 1, shape);
    case "PageUp":
      return keep(row - shape.page, place, shape);
    case "PageDown":
      return keep(row + shape.page, place, shape);
    case "Home":
      return keep(shape.home < 0 ? row : shape.home, place, shape);
    case "End":
      return keep(shape.rows - 1, place, shape);
    default:
      return null;
  }
}

function keep(row: number, place: number, { rows, places }: GridShape): Place {
  return {
    row: Math.min(rows - 1, Math.max(0, row)),
    place: Math.min(places - 1, Math.max(0, place)),
  };
}
