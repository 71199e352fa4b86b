/** The rows around the money, so many on either side; those of the middle where nobody knows it. */
export function findWindow(moneyRow: number, count: number, reach: number): readonly number[] {
  const middle = moneyRow < 0 ? Math.floor(count / 2) : moneyRow;
  const size = Math.min(count, 2 * reach + 1);
  const first = Math.min(count - size, Math.max(0, middle - reach));
  return Array.from({ length: size }, (_, place) => first + place);
}
