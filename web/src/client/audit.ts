import type { components } from "./api.d.ts";
import type { Transport } from "./transport.ts";

type Schemas = components["schemas"];

export type AuditRow = Schemas["AuditBody"];
export type AuditPage = Schemas["AuditPage"];

/** What the log can be asked by. */
export const AUDIT_FILTERS = [
  "subject",
  "action",
  "object_type",
  "object_id",
  "correlation_id",
  "since",
  "until",
] as const;
export type AuditFilterName = (typeof AUDIT_FILTERS)[number];
export type AuditFilter = Readonly<Partial<Record<AuditFilterName, string>>>;

/** Make a filter of what is given for its parts; what is empty is not asked for. */
export function pickFilter(
  find: (name: AuditFilterName) => string | null | undefined,
): AuditFilter {
  const given = AUDIT_FILTERS.map((name) => [name, find(name)?.trim() ?? ""] as const);
  return Object.fromEntries(given.filter(([, value]) => value !== ""));
}

/** `/api/v1/audit`: who did what to what. */
export class AuditClient {
  readonly #transport: Transport;

  constructor(transport: Transport) {
    this.#transport = transport;
  }

  /** The newest first; those before `beforeId`, where it is given. */
  loadPage(filter: AuditFilter, beforeId: number | null, signal: AbortSignal): Promise<AuditPage> {
    const older = beforeId === null ? {} : { before_id: String(beforeId) };
    return this.#transport.get<AuditPage>("/api/v1/audit", { ...filter, ...older }, signal);
  }
}
