import type { Role } from "../client/identity.ts";
import type { NewUser, PasswordLink, User, UserChange, UsersClient } from "../client/users.ts";
import { Errand } from "./errand.svelte.ts";

export const ROLES: readonly Role[] = ["viewer", "trader", "admin"];

/** A link by which somebody chooses a password, as it is shown: once. */
export interface ShownLink {
  readonly login: string;
  readonly url: string;
  readonly expiresAt: string;
}

/** Who has an account, and changing that. */
export class UserList extends Errand {
  users: readonly User[] = $state.raw([]);
  total: number | null = $state.raw(null);
  query = $state.raw("");
  link: ShownLink | null = $state.raw(null);
  readonly #client: UsersClient;

  constructor(client: UsersClient) {
    super();
    this.#client = client;
  }

  find(query: string): Promise<boolean> {
    this.query = query;
    return this.run(async () => {
      const page = await this.#client.loadPage(query, 0);
      this.users = page.items;
      this.total = page.total;
    });
  }

  loadMore(): Promise<boolean> {
    return this.run(async () => {
      const page = await this.#client.loadPage(this.query, this.users.length);
      this.users = [...this.users, ...page.items];
      this.total = page.total;
    });
  }

  /** Returns whether there is such an account now. */
  add(user: NewUser): Promise<boolean> {
    return this.run(async () => {
      const { setup_link: link, ...added } = await this.#client.add(user);
      this.users = [...this.users, added];
      this.total = (this.total ?? 0) + 1;
      this.#show(added.login, link);
    });
  }

  setRole(user: User, role: Role, isGiven: boolean): Promise<boolean> {
    const roles = ROLES.filter((each) => (each === role ? isGiven : user.roles.includes(each)));
    return this.#change(user, { roles });
  }

  setActive(user: User, isActive: boolean): Promise<boolean> {
    return this.#change(user, { is_active: isActive });
  }

  makePasswordLink(user: User): Promise<boolean> {
    return this.run(async () => {
      this.#show(user.login, await this.#client.makePasswordLink(user.id));
    });
  }

  forgetLink(): void {
    this.link = null;
  }

  #show(login: string, link: PasswordLink | null): void {
    const url = link?.url ?? null;
    this.link = link === null || url === null ? null : { login, url, expiresAt: link.expires_at };
  }

  #change(user: User, change: UserChange): Promise<boolean> {
    return this.run(async () => {
      const changed = await this.#client.change(user.id, change);
      this.users = this.users.map((each) => (each.id === changed.id ? changed : each));
    });
  }
}
