/**
 * How long to wait before attempt `attempt` (0 is the first retry): doubled each time up to a cap, and
 * between half of that and all of it, so that a thousand pages do not come back at the same instant.
 */
export function computeBackoffMs(
  attempt: number,
  random: () => number,
  { firstMs = 500, capMs = 15_000 }: { firstMs?: number; capMs?: number } = {},
): number {
  const full = Math.min(capMs, firstMs * 2 ** attempt);
  return full * (0.5 + 0.5 * random());
}
