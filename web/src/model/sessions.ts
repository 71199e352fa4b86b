import type { SessionRule } from "../client/rest.ts";
import { DAY_MS, HOUR_MS, type MarketMs, MINUTE_MS } from "../helpers/instant.ts";
import type { WallMs, Zone } from "../helpers/zone.ts";

/** One session: open inclusive, close exclusive. */
export interface Session {
  readonly opens: MarketMs;
  readonly closes: MarketMs;
}

/** Hours of a day: milliseconds from midnight of the exchange's clock. */
interface Span {
  readonly open: number;
  readonly close: number;
}

interface UsualHours extends Span {
  /** Days since 1970, both inclusive. */
  readonly from: number;
  readonly to: number;
  readonly opensDayBefore: boolean;
}

/** When a venue trades: the server's dated rows, and the special days that it names. */
export class SessionHours {
  readonly #zone: Zone;
  readonly #usual: readonly UsualHours[];
  readonly #special: ReadonlyMap<number, readonly Span[]>;
  readonly #days = new Map<number, readonly Session[]>();

  /** `corrections` are those of UDF: `0915-1230:20240302;1815-1915:20221024,20231112`. */
  constructor(zone: Zone, rules: readonly SessionRule[], corrections: string) {
    this.#zone = zone;
    this.#usual = rules.map(readRule).sort((a, b) => a.from - b.from);
    this.#special = readCorrections(corrections);
  }

  /** The session an instant is in; the instant of its close counts, for what is traded right after it. */
  find(instant: MarketMs): Session | null {
    const today = Math.floor(this.#zone.toWall(instant) / DAY_MS);
    let found: Session | null = null;
    for (const day of [today - 1, today, today + 1]) {
      for (const session of this.#listDay(day)) {
        if (session.opens <= instant && instant <= session.closes) {
          found = session; // Where one ends as the next begins, the later.
        }
      }
    }
    return found;
  }

  #listDay(day: number): readonly Session[] {
    let sessions = this.#days.get(day);
    if (sessions === undefined) {
      sessions = this.#computeDay(day);
      this.#days.set(day, sessions);
    }
    return sessions;
  }

  #computeDay(day: number): readonly Session[] {
    const usual = this.#usual.findLast((row) => row.from <= day && day <= row.to);
    const spans = this.#special.get(day) ?? (usual === undefined ? [] : [usual]);
    return spans.map(({ open, close }) => {
      const isOvernight = close <= open;
      const opensBefore = isOvernight && usual?.opensDayBefore === true;
      const openDay = opensBefore ? day - 1 : day;
      const closeDay = isOvernight && !opensBefore ? day + 1 : day;
      return {
        opens: this.#zone.fromWall((openDay * DAY_MS + open) as WallMs),
        closes: this.#zone.fromWall((closeDay * DAY_MS + close) as WallMs),
      };
    });
  }
}

function readRule(rule: SessionRule): UsualHours {
  const { open, close, opens_day_before: opensDayBefore } = rule.value;
  return {
    from: readDay(rule.valid_from),
    to: typeof rule.valid_to === "string" ? readDay(rule.valid_to) : Infinity,
    open: readTime(String(open).replace(":", "")),
    close: readTime(String(close).replace(":", "")),
    opensDayBefore: opensDayBefore === true,
  };
}

function readCorrections(text: string): Map<number, readonly Span[]> {
  const special = new Map<number, readonly Span[]>();
  for (const entry of text.split(";").filter((each) => each !== "")) {
    const [hours = "", days = ""] = entry.split(":");
    const spans = hours.split(",").map((span) => ({
      open: readTime(span.slice(0, 4)),
      close: readTime(span.slice(5, 9)),
    }));
    for (const day of days.split(",")) {
      special.set(readDay(`${day.slice(0, 4)}-${day.slice(4, 6)}-${day.slice(6, 8)}`), spans);
    }
  }
  return special;
}

function readDay(text: string): number {
  return Date.parse(`${text}T00:00:00Z`) / DAY_MS;
}

function readTime(text: string): number {
  return Number(text.slice(0, 2)) * HOUR_MS + Number(text.slice(2, 4)) * MINUTE_MS;
}
