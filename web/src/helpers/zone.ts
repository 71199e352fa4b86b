import { HOUR_MS, type MarketMs } from "./instant.ts";
import type { Nominal } from "./nominal.ts";

/**
 * What an exchange's clock on the wall shows, written as if it were UTC, in milliseconds.
 * A chart draws it as it is, and the day changes where it does at the exchange.
 */
export type WallMs = Nominal<number, "WallMs">;

/** A time zone with the arithmetic that `Intl` leaves out. */
export class Zone {
  readonly name: string;
  readonly #format: Intl.DateTimeFormat;
  /** Offsets by hour: no zone in use changes its clocks inside an hour of UTC. */
  readonly #offsets = new Map<number, number>();

  /** Throws a RangeError when nobody knows the zone. */
  constructor(name: string) {
    this.name = name;
    this.#format = new Intl.DateTimeFormat("en-US", {
      timeZone: name,
      hourCycle: "h23",
      year: "numeric",
      month: "numeric",
      day: "numeric",
      hour: "numeric",
      minute: "numeric",
      second: "numeric",
    });
  }

  toWall(instant: MarketMs): WallMs {
    return (instant + this.#findOffset(instant)) as WallMs;
  }

  /** The instant at which the wall shows this; where it does so twice, either. */
  fromWall(wall: WallMs): MarketMs {
    const guess = wall - this.#findOffset(wall as number as MarketMs);
    return (wall - this.#findOffset(guess as MarketMs)) as MarketMs;
  }

  /** `IST`, or `GMT+5:30` where the browser has no name for it. */
  shortName(instant: MarketMs): string {
    if (this.name === "Asia/Kolkata") {
      return "IST"; // Browsers say GMT+5:30 outside India.
    }
    const parts = new Intl.DateTimeFormat("en-US", {
      timeZone: this.name,
      timeZoneName: "short",
    }).formatToParts(instant);
    return parts.find((part) => part.type === "timeZoneName")?.value ?? this.name;
  }

  #findOffset(instant: MarketMs): number {
    const hour = Math.floor(instant / HOUR_MS);
    let offset = this.#offsets.get(hour);
    if (offset === undefined) {
      offset = this.#computeOffset((hour * HOUR_MS) as MarketMs);
      this.#offsets.set(hour, offset);
    }
    return offset;
  }

  #computeOffset(instant: MarketMs): number {
    const fields: Record<string, number> = {};
    for (const part of this.#format.formatToParts(instant)) {
      fields[part.type] = Number(part.value);
    }
    const { year = 0, month = 1, day = 1, hour = 0, minute = 0, second = 0 } = fields;
    return Date.UTC(year, month - 1, day, hour, minute, second) - instant;
  }
}
