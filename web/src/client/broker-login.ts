import type { components } from "./api.d.ts";
import type { Transport } from "./transport.ts";

type Schemas = components["schemas"];

export type BrokerLoginStatus = Schemas["BrokerLoginBody"];

const PATH = "/api/v1/feed/login";

/** `/api/v1/feed/login`: the desk's login with the broker. */
export class BrokerLoginClient {
  readonly #transport: Transport;

  constructor(transport: Transport) {
    this.#transport = transport;
  }

  load(): Promise<BrokerLoginStatus> {
    return this.#transport.get<BrokerLoginStatus>(PATH);
  }

  logIn(requestToken: string): Promise<BrokerLoginStatus> {
    const body: Schemas["LoginCommand"] = { request_token: requestToken };
    return this.#transport.send<BrokerLoginStatus>("POST", PATH, body);
  }
}
