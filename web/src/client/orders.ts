import type { components } from "./api.d.ts";
import { readFields } from "./decode.ts";
import { decodeOrder, type Order } from "./order.ts";
import type { Once, Transport } from "./transport.ts";

type Schemas = components["schemas"];

export type NewOrder = Schemas["NewOrder"];
export type OrderChange = Schemas["OrderPatch"];
export type Charges = Schemas["ChargesBody"];
export type Margin = Schemas["MarginBody"];

/** What an order would cost if it were filled in one, beside no positions. */
export interface Cost {
  /** What a unit is taken to be traded at. */
  readonly price: string | null;
  readonly charges: Charges;
  readonly margin: Margin;
}

const PATH = "/api/v1/orders";

/** `/api/v1/orders`: what is asked of brokers, and how far it has come. */
export class OrdersClient {
  readonly #transport: Transport;

  constructor(transport: Transport) {
    this.#transport = transport;
  }

  async place(order: NewOrder, once: Once): Promise<Order> {
    return decodeOrder(readFields(await this.#transport.sendOnce<unknown>(PATH, order, once)));
  }

  async modify(id: number, change: OrderChange): Promise<Order> {
    return decodeOrder(
      readFields(await this.#transport.send<unknown>("PATCH", `${PATH}/${id}`, change)),
    );
  }

  async cancel(id: number): Promise<Order> {
    return decodeOrder(
      readFields(await this.#transport.send<unknown>("POST", `${PATH}/${id}/cancel`)),
    );
  }

  async loadCost(order: NewOrder, signal: AbortSignal): Promise<Cost> {
    const { symbol, side, quantity, product, price } = order;
    const body = { orders: [{ symbol, side, quantity, product, price }] };
    const [charged, needed] = await Promise.all([
      this.#transport.ask<Schemas["OrderChargesBody"]>(`${PATH}/charges`, body, signal),
      this.#transport.ask<Schemas["OrderMarginsBody"]>(`${PATH}/margins`, body, signal),
    ]);
    return {
      price: charged.orders[0]?.price ?? null,
      charges: charged.charges,
      margin: needed.final,
    };
  }
}
