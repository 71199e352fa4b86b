import { afterEach, describe, expect, test, vi } from "vitest";

import { AccountsClient } from "../../src/client/accounts.ts";
import { OrdersClient } from "../../src/client/orders.ts";
import { RestClient } from "../../src/client/rest.ts";
import { Transport } from "../../src/client/transport.ts";
import { LastPrice } from "../../src/model/desk/last-price.svelte.ts";
import { Ticket } from "../../src/model/desk/ticket.svelte.ts";
import type { TicketWish } from "../../src/model/desk/ticket-door.svelte.ts";
import { Preferences } from "../../src/model/preferences.ts";
import { answerWith, type Asked, refuse } from "../server.ts";
import { writeAccount, writeOrder } from "./orders.ts";

const WISH: TicketWish = {
  symbol: "NFO:NIFTY25NOV26000CE",
  side: "sell",
  quantity: 150,
  accountId: null,
  strategyId: 4,
};
const CONTRACT = {
  symbol: WISH.symbol,
  tradingsymbol: "NIFTY25NOV26000CE",
  kind: "option",
  lot_size: 75,
  tick_size: 0.05,
};
const CHARGES = { orders: [{ price: "101.5" }], charges: { total: "24.10" } };
const MARGINS = { final: { total: "98000.00" } };

function makeTicket(wish = WISH): Ticket {
  const transport = new Transport();
  let drawn = 0;
  return new Ticket({
    wish,
    accounts: new AccountsClient(transport),
    orders: new OrdersClient(transport),
    rest: new RestClient(transport),
    last: new LastPrice({ listen: () => () => undefined }),
    preferences: new Preferences(null),
    drawKey: () => `key-${(drawn += 1)}`,
  });
}

/** A ticket that is filled in and looked at, before a server that answers so. */
async function review(
  ...answers: readonly (readonly [number, unknown])[]
): Promise<readonly [Ticket, Asked[]]> {
  const accounts = { items: [writeAccount(2, "kite"), writeAccount(3, "paper")] };
  const asked = answerWith(
    [200, accounts],
    [200, CONTRACT],
    [200, CHARGES],
    [200, MARGINS],
    ...answers,
  );
  const ticket = makeTicket();
  await ticket.open();
  expect(ticket.review()).toBe(true);
  await vi.waitFor(() => {
    expect(ticket.cost.value).not.toBeNull();
  });
  return [ticket, asked];
}

const listPlaced = (asked: readonly Asked[]): Asked[] =>
  asked.filter((each) => each.method === "POST" && each.path === "/api/v1/orders");

afterEach(() => {
  vi.unstubAllGlobals();
});

describe("a ticket", () => {
  test("goes to paper unless real money was chosen, and says what it would cost", async () => {
    const [ticket, asked] = await review();

    expect(ticket.account?.id).toBe(3);
    expect(ticket.form).toMatchObject({ side: "sell", lots: "2" });
    expect(ticket.cost.value).toMatchObject({ price: "101.5", margin: { total: "98000.00" } });
    expect(asked[2]?.body).toEqual({
      orders: [{ symbol: WISH.symbol, side: "sell", quantity: 150, product: "nrml", price: null }],
    });
    expect(listPlaced(asked)).toEqual([]);
  });

  test("is placed once, however often somebody presses", async () => {
    const [ticket, asked] = await review([201, writeOrder({ state: "pending" })], [201, {}]);

    await Promise.all([ticket.place(), ticket.place()]);
    await ticket.place();

    const placed = listPlaced(asked);
    expect(placed).toHaveLength(1);
    expect(placed[0]?.headers.get("idempotency-key")).toBe("key-1");
    expect(placed[0]?.body).toMatchObject({ account_id: 3, strategy_id: 4, quantity: 150 });
    expect([ticket.intent.phase, ticket.intent.result?.id]).toEqual(["done", 7]);
  });

  test("whose answer is lost stays as it was, and is asked for again by its key", async () => {
    const [ticket, asked] = await review([503, refuse("away")], [201, writeOrder()]);

    await ticket.place();
    expect([ticket.intent.phase, ticket.isUnsettled]).toEqual(["unclear", true]);
    ticket.fill({ lots: "9" });
    ticket.revise();
    expect(ticket.isReviewed).toBe(true);
    await ticket.intent.retry();

    const placed = listPlaced(asked);
    expect(placed.map((each) => each.headers.get("idempotency-key"))).toEqual(["key-1", "key-1"]);
    expect(placed[1]?.body).toEqual(placed[0]?.body);
    expect(ticket.isUnsettled).toBe(false);
  });

  test("that was refused can be changed, and is another intent then", async () => {
    const [ticket, asked] = await review(
      [422, refuse("a multiple of 75 was wanted")],
      [200, CHARGES],
      [200, MARGINS],
      [201, writeOrder()],
    );

    await ticket.place();
    expect(ticket.intent.problem).toContain("a multiple of 75 was wanted");
    ticket.revise();
    ticket.fill({ lots: "3" });
    ticket.review();
    await ticket.place();

    const placed = listPlaced(asked);
    expect(placed.map((each) => each.headers.get("idempotency-key"))).toEqual(["key-1", "key-2"]);
    expect(placed[1]?.body).toMatchObject({ quantity: 225 });
  });

  test("is neither looked at nor placed while something of it is wrong", async () => {
    const asked = answerWith([200, { items: [writeAccount(3, "paper")] }], [200, CONTRACT]);
    const ticket = makeTicket();
    await ticket.open();
    ticket.fill({ type: "limit", price: "101.52" });

    expect(ticket.review()).toBe(false);
    await ticket.place();

    expect(ticket.faults.price).toContain("0.05");
    expect(asked).toHaveLength(2);
  });
});
