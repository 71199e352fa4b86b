import { parseInstant } from "../helpers/instant.ts";
import type { Bar, Price } from "./bar.ts";
import { type Fields, findNumber, readNumber, readOneOf, readText } from "./decode.ts";

/** Read a bar of a stream or of `/api/v1/bars`, which differ in what they say beside the numbers. */
export function decodeBar(fields: Fields): Bar {
  return {
    ts: parseInstant(readText(fields, "ts")),
    open: readNumber(fields, "open") as Price,
    high: readNumber(fields, "high") as Price,
    low: readNumber(fields, "low") as Price,
    close: readNumber(fields, "close") as Price,
    volume: findNumber(fields, "volume"),
    oi: findNumber(fields, "oi"),
    status: readOneOf(fields, "status", ["complete", "partial", "revised"]),
    isForming: fields["is_forming"] === true,
    source:
      fields["source"] === undefined
        ? "stream"
        : readOneOf(fields, "source", ["ticks", "broker", "file"]),
  };
}
