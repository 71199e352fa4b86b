import type { ApiKey, KeyOwner, KeysClient, NewKey } from "../client/keys.ts";
import type { Scope } from "../client/identity.ts";
import { Errand } from "./errand.svelte.ts";

/** What no key is ever given: it would let a key make keys, passwords or accounts. */
const NEVER_GIVEN: readonly Scope[] = ["keys:write", "self:write", "users:write"];

/** Of what somebody may do, what a key can be given. */
export function listGivable(scopes: readonly Scope[]): readonly Scope[] {
  return scopes.filter((each) => !NEVER_GIVEN.includes(each));
}

/** What is filled in for a key that is wanted. */
export interface KeyForm {
  readonly name: string;
  /** Empty: all that its owner may do. */
  readonly scopes: readonly Scope[];
  /** A day, `2027-11-21`, at whose end it ends; empty: as the server has it. */
  readonly lastDay: string;
  /** Addresses and networks, by lines, commas or spaces; empty: from anywhere. */
  readonly networks: string;
}

/** Put a form into the words of the route. */
export function makeKeyWish(form: KeyForm, owner: KeyOwner): NewKey {
  return {
    name: form.name.trim(),
    scopes: form.scopes.length === 0 ? null : [...form.scopes],
    networks: form.networks.split(/[\s,]+/).filter((each) => each !== ""),
    expires_at: form.lastDay === "" ? null : `${form.lastDay}T23:59:59Z`,
    user_id: owner,
  };
}

/** A key that was just made, as it is shown: once. */
export interface ShownKey {
  readonly name: string;
  readonly text: string;
}

/** Somebody's API keys. */
export class KeyList extends Errand {
  keys: readonly ApiKey[] = $state.raw([]);
  total: number | null = $state.raw(null);
  includesRevoked = $state.raw(false);
  shown: ShownKey | null = $state.raw(null);
  readonly owner: KeyOwner;
  readonly #client: KeysClient;

  constructor(client: KeysClient, owner: KeyOwner) {
    super();
    this.#client = client;
    this.owner = owner;
  }

  load(includesRevoked: boolean): Promise<boolean> {
    this.includesRevoked = includesRevoked;
    return this.run(() => this.#loadFirst());
  }

  loadMore(): Promise<boolean> {
    return this.run(async () => {
      const { owner, includesRevoked, keys } = this;
      const page = await this.#client.loadPage(owner, includesRevoked, keys.length);
      this.keys = [...keys, ...page.items];
      this.total = page.total;
    });
  }

  /** Returns whether there is such a key now. */
  create(form: KeyForm): Promise<boolean> {
    return this.run(async () => {
      const { name, key } = await this.#client.create(makeKeyWish(form, this.owner));
      this.shown = key === null ? null : { name, text: key };
      await this.#loadFirst();
    });
  }

  revoke(key: ApiKey): Promise<boolean> {
    return this.run(async () => {
      await this.#client.revoke(key.id);
      await this.#loadFirst();
    });
  }

  forgetShown(): void {
    this.shown = null;
  }

  async #loadFirst(): Promise<void> {
    const page = await this.#client.loadPage(this.owner, this.includesRevoked, 0);
    this.keys = page.items;
    this.total = page.total;
  }
}
