import type { NewStrategy, Strategy } from "../../client/strategies.ts";

/** What is filled in of every strategy: of one that is made, and of one that is changed. */
export interface StrategyForm {
  readonly name: string;
  /** With commas between. */
  readonly tags: string;
  /** Where its orders go; empty: it is kept by hand. */
  readonly accountId: string;
}

export function makeStrategyForm(strategy: Strategy | null): StrategyForm {
  return {
    name: strategy?.name ?? "",
    tags: strategy?.tags.join(", ") ?? "",
    accountId: String(strategy?.account_id ?? ""),
  };
}

/** Put what is filled in into the words of the route. */
export function readStrategyForm({
  name,
  tags,
  accountId,
}: StrategyForm): Required<Pick<NewStrategy, "name" | "tags" | "account_id">> {
  return {
    name: name.trim(),
    tags: parseTags(tags),
    account_id: accountId === "" ? null : Number(accountId),
  };
}

/** A level as it is typed; empty is none. A stop is a loss, whichever sign it is typed with. */
export function parseLevel(kind: "target" | "stop", text: string): string | null {
  const size = text
    .trim()
    .replaceAll(",", "")
    .replace(/^[-−+]/, "");
  return size === "" ? null : kind === "target" ? size : `-${size}`;
}

/** Tags as they are typed, with commas between; each once. */
function parseTags(text: string): string[] {
  const tags = text.split(",").map((each) => each.trim());
  return [...new Set(tags.filter((each) => each !== ""))];
}
