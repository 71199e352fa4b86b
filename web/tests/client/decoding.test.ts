import { expect, test } from "vitest";

import { decodeBar } from "../../src/client/bar-decoder.ts";
import { DecodeError, readFields } from "../../src/client/decode.ts";
import { ProblemError } from "../../src/client/problem.ts";
import { decodeStreamMessage } from "../../src/client/stream-messages.ts";
import { decodeFoundSymbols, decodeSymbol } from "../../src/client/udf.ts";
import { parseInstant } from "../../src/helpers/instant.ts";
import { RECORDED } from "../recorded.ts";

const SYMBOL = {
  name: "NIFTY26NOVFUT",
  ticker: "NFO:NIFTY26NOVFUT",
  description: "NIFTY 23 Nov 2026 FUT",
  type: "futures",
  exchange: "NFO",
  timezone: "Asia/Kolkata",
  corrections: "",
  pricescale: 100,
  visible_plots_set: "ohlcv",
  expired: false,
};

test("reads a status as the server writes it", () => {
  const message = decodeStreamMessage(JSON.stringify(RECORDED.live[1]));

  expect(message).toMatchObject({
    type: "status",
    status: { mode: "simulated", state: "playing", speed: 60 },
  });
  expect(message.type === "status" && message.status.span?.begins).toBe(
    parseInstant("2026-11-16T03:45:00Z"),
  );
});

test("reads a status in which nothing is known", () => {
  const status = {
    type: "status",
    mode: "none",
    state: "none",
    description: null,
    now: "2026-11-16T03:45:00Z",
    as_of: null,
    heard_s: null,
    speed: null,
    begins: null,
    ends: null,
  };
  expect(decodeStreamMessage(JSON.stringify(status))).toMatchObject({
    status: { mode: "none", asOf: null, heardS: null, speed: null, span: null },
  });
});

test("keeps unknown quantities unknown", () => {
  const message = RECORDED.live.find((each) => each["type"] === "bar");
  const bar = { ...readFields(message?.["bar"]), volume: null, oi: null };
  expect(decodeBar(bar)).toMatchObject({ volume: null, oi: null });
});

test("refuses a mode that it has no badge for", () => {
  const text = JSON.stringify({ ...RECORDED.live[1], mode: "dream" });
  expect(() => decodeStreamMessage(text)).toThrow(DecodeError);
});

test("reads a symbol, its decimals and whether it has volume", () => {
  expect(decodeSymbol(SYMBOL)).toMatchObject({ decimals: 2, hasVolume: true, isExpired: false });
  expect(decodeSymbol({ ...SYMBOL, pricescale: 1, visible_plots_set: "ohlc" })).toMatchObject({
    decimals: 0,
    hasVolume: false,
  });
});

test("takes UDF's error with status 200 for an unknown symbol", () => {
  const body = { s: "error", errmsg: "no instrument goes by 'X'" };
  expect(() => decodeSymbol(body)).toThrow(new ProblemError("not-found", body.errmsg));
});

test("leaves HTML in a name what it is: text", () => {
  const name = "<img src=x onerror=alert(1)>";
  const found = decodeFoundSymbols([{ ...SYMBOL, symbol: name, description: name }]);
  expect(found[0]).toMatchObject({ name, description: name });
});
