import type { components } from "./api.d.ts";
import { ProblemError } from "./problem.ts";
import type { Transport } from "./transport.ts";

type Schemas = components["schemas"];

export type Me = Schemas["MeBody"];
export type Role = Schemas["Role"];
export type Scope = Schemas["Scope"];

/** `/api/v1/auth`: signing in and out, and who one is. */
export class IdentityClient {
  readonly #transport: Transport;

  constructor(transport: Transport) {
    this.#transport = transport;
  }

  /** Who is asking; null for nobody. */
  async findMe(): Promise<Me | null> {
    try {
      return this.#keepToken(await this.#transport.get<Me>("/api/v1/auth/me"));
    } catch (error) {
      if (error instanceof ProblemError && error.kind === "sign-in") {
        this.#transport.csrfToken = null;
        return null;
      }
      throw error;
    }
  }

  async signIn(login: string, password: string): Promise<Me> {
    const body: Schemas["LoginBody"] = { login, password };
    return this.#keepToken(await this.#transport.send<Me>("POST", "/api/v1/auth/login", body));
  }

  async signOut(): Promise<void> {
    await this.#transport.do("POST", "/api/v1/auth/logout");
  }

  /** Set the password that a link is for. The first administrator's link wants a name too. */
  async redeemLink(token: string, password: string, login: string | null): Promise<void> {
    const body: Schemas["SetupBody"] = { token, password, login };
    await this.#transport.do("POST", "/api/v1/auth/setup", body);
  }

  async changePassword(current: string, wanted: string): Promise<void> {
    const body: Schemas["PasswordBody"] = { current_password: current, new_password: wanted };
    await this.#transport.do("PUT", "/api/v1/auth/password", body);
  }

  #keepToken(me: Me): Me {
    this.#transport.csrfToken = me.csrf_token;
    return me;
  }
}
