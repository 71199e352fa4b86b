import type { Order, OrderState } from "../../client/order.ts";

/** Nothing follows these. */
const FINAL: readonly OrderState[] = ["complete", "cancelled", "rejected"];

export const STATE_WORDS: Readonly<Record<OrderState, string>> = {
  pending: "On its way",
  trigger_pending: "Waits for its trigger",
  open: "Open",
  complete: "Complete",
  cancelled: "Cancelled",
  rejected: "Rejected",
  unknown: "Not known: the broker did not answer",
};

export function isLiving(order: Order): boolean {
  return !FINAL.includes(order.state);
}

/** Orders by their newest revision: what is told late, or twice, leads none of them back. */
export class OrderBook {
  readonly #orders = new Map<number, Order>();

  /** Forget all of them: others are told of next. */
  clear(): void {
    this.#orders.clear();
  }

  /** Returns whether it is news. */
  take(order: Order): boolean {
    const known = this.#orders.get(order.id);
    if (known !== undefined && known.revision >= order.revision) {
      return false;
    }
    this.#orders.set(order.id, order);
    return true;
  }

  /** The newest first. */
  list(): readonly Order[] {
    return [...this.#orders.values()].sort((one, other) => other.id - one.id);
  }
}
