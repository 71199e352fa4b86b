import type { components } from "./api.d.ts";
import type { Transport } from "./transport.ts";

type Schemas = components["schemas"];

export type User = Schemas["UserBody"];
export type UserPage = Schemas["UserPage"];
export type NewUser = Schemas["NewUserBody"];
export type UserChange = Schemas["UserChange"];
export type PasswordLink = Schemas["LinkBody"];
export type CreatedUser = Schemas["CreatedUserBody"];

const PATH = "/api/v1/users";

/** `/api/v1/users`: who has an account, and changing that. */
export class UsersClient {
  readonly #transport: Transport;

  constructor(transport: Transport) {
    this.#transport = transport;
  }

  loadPage(q: string, offset: number): Promise<UserPage> {
    return this.#transport.get<UserPage>(PATH, { q, offset: String(offset) });
  }

  add(user: NewUser): Promise<CreatedUser> {
    return this.#transport.send<CreatedUser>("POST", PATH, user);
  }

  change(id: number, change: UserChange): Promise<User> {
    return this.#transport.send<User>("PATCH", `${PATH}/${id}`, change);
  }

  makePasswordLink(id: number): Promise<PasswordLink> {
    return this.#transport.send<PasswordLink>("POST", `${PATH}/${id}/setup-link`);
  }
}
