import { parseInstant } from "../helpers/instant.ts";
import { decodeChain } from "./chain-decoder.ts";
import { type Fields, findNumber, findText, readFields, readList, readText } from "./decode.ts";
import type { LadderRow, Monitor } from "./monitor.ts";

/** Read a monitor, of REST or as a stream's state. Throws a DecodeError. */
export function decodeMonitor(fields: Fields): Monitor {
  return {
    underlying: readText(fields, "underlying"),
    exchange: readText(fields, "exchange"),
    asOf: parseInstant(readText(fields, "as_of")),
    spot: findNumber(fields, "spot"),
    spotSymbol: findText(fields, "spot_symbol"),
    rollover: findNumber(fields, "rollover"),
    futures: decodeLadder(readFields(fields["futures"])),
    chains: readList(fields["chains"]).map((each) => decodeChain(readFields(each))),
  };
}

/** A list a column, with a place for each future. */
function decodeLadder(columns: Fields): readonly LadderRow[] {
  const lists = Object.entries(columns).map(([name, list]) => [name, readList(list)] as const);
  return readList(columns["symbol"]).map((_, place) =>
    decodeRow(Object.fromEntries(lists.map(([name, list]) => [name, list[place]]))),
  );
}

function decodeRow(fields: Fields): LadderRow {
  const traded = findText(fields, "ts");
  return {
    symbol: readText(fields, "symbol"),
    expiry: findText(fields, "expiry"),
    price: findNumber(fields, "price"),
    change: findNumber(fields, "change"),
    volume: findNumber(fields, "volume"),
    oi: findNumber(fields, "oi"),
    oiChange: findNumber(fields, "oi_change"),
    oiShare: findNumber(fields, "oi_share"),
    basis: findNumber(fields, "basis"),
    carry: findNumber(fields, "carry"),
    spread: findNumber(fields, "spread"),
    buildUp: findText(fields, "build_up"),
    traded: traded === null ? null : parseInstant(traded),
  };
}
