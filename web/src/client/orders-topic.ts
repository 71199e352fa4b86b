import { readFields, readList } from "./decode.ts";
import { decodeOrder, type Order } from "./order.ts";
import type { Topic, TopicName } from "./topic.ts";

/** Who is told of an account's orders. */
export interface OrdersListener {
  /** Those that live and those of the day: at first, and whenever what changed was not all told. */
  onOrders(orders: readonly Order[]): void;
  /** An order changed; `fills` is how many fills it brought. */
  onOrder(order: Order, fills: number): void;
  onRefused(code: string, message: string): void;
}

/** What becomes of an account's orders: events, none of them left out. */
export function makeOrdersTopic(accountId: number, listener: OrdersListener): Topic {
  return {
    name: `orders:${accountId}` as TopicName,
    isEvent() {
      return true;
    },
    onSnapshot(fields) {
      listener.onOrders(readList(fields["orders"]).map((each) => decodeOrder(readFields(each))));
    },
    onNews(fields) {
      listener.onOrder(decodeOrder(readFields(fields["order"])), readList(fields["fills"]).length);
    },
    onRefused(code, message) {
      listener.onRefused(code, message);
    },
  };
}
