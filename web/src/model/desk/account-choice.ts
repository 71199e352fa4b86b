import type { Account } from "../../client/accounts.ts";
import type { Preferences } from "../preferences.ts";

const PREFERENCE = "trading-account";

/** The wanted account, else the one that was chosen last, else the first on paper; null for none. */
export function pickAccount(
  accounts: readonly Account[],
  wanted: number | null,
  preferences: Preferences,
): Account | null {
  const remembered = Number(preferences.find(PREFERENCE));
  const find = (id: number | null): Account | undefined => accounts.find((each) => each.id === id);
  // Nobody comes to real money without having chosen it.
  return (
    find(wanted) ?? find(remembered) ?? accounts.find((each) => each.broker === "paper") ?? null
  );
}

export function rememberAccount(preferences: Preferences, id: number): void {
  preferences.set(PREFERENCE, String(id));
}
