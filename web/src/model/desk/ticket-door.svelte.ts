import type { OrderSide } from "../../client/order.ts";
import type { Ticket } from "./ticket.svelte.ts";

/** What a ticket is opened with; null is for whoever fills it in. */
export interface TicketWish {
  readonly symbol: string | null;
  readonly side: OrderSide;
  /** Units. */
  readonly quantity: number | null;
  readonly accountId: number | null;
  readonly strategyId: number | null;
}

const NOTHING: TicketWish = {
  symbol: null,
  side: "buy",
  quantity: null,
  accountId: null,
  strategyId: null,
};

/** Where any page opens the order ticket. */
export class TicketDoor {
  wish: TicketWish | null = $state.raw(null);
  /** The instrument that is looked at: what a key opens the ticket for. */
  subject: string | null = $state.raw(null);
  /** A ticket that was closed before it was known what became of its order; it is shown again first. */
  unsettled: Ticket | null = $state.raw(null);

  open(wish: Partial<TicketWish> = {}): void {
    this.wish = { ...NOTHING, symbol: this.subject, ...wish };
  }

  close(): void {
    this.wish = null;
  }
}
