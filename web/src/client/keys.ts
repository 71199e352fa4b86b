import type { components } from "./api.d.ts";
import type { Transport } from "./transport.ts";

type Schemas = components["schemas"];

export type ApiKey = Schemas["KeyBody"];
export type KeyPage = Schemas["KeyPage"];
export type NewKey = Schemas["NewKey"];
export type CreatedKey = Schemas["NewKeyBody"];

const PATH = "/api/v1/keys";

/** Whose keys: null is one's own. */
export type KeyOwner = number | null;

/** `/api/v1/keys`: the keys that programs show who they are with. */
export class KeysClient {
  readonly #transport: Transport;

  constructor(transport: Transport) {
    this.#transport = transport;
  }

  loadPage(owner: KeyOwner, includesRevoked: boolean, offset: number): Promise<KeyPage> {
    return this.#transport.get<KeyPage>(PATH, {
      ...(owner === null ? {} : { user_id: String(owner) }),
      include_revoked: String(includesRevoked),
      offset: String(offset),
    });
  }

  create(key: NewKey): Promise<CreatedKey> {
    return this.#transport.send<CreatedKey>("POST", PATH, key);
  }

  async revoke(id: string): Promise<void> {
    await this.#transport.do("DELETE", `${PATH}/${encodeURIComponent(id)}`);
  }
}
