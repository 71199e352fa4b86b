/** What this browser remembers. Where it may not remember, the page works and forgets. */
export class Preferences {
  readonly #storage: Pick<Storage, "getItem" | "setItem"> | null;

  constructor(storage: Pick<Storage, "getItem" | "setItem"> | null) {
    this.#storage = storage;
  }

  find(name: string): string | null {
    return this.#storage?.getItem(`strikewire.${name}`) ?? null;
  }

  set(name: string, value: string): void {
    try {
      this.#storage?.setItem(`strikewire.${name}`, value);
    } catch {
      // Full, or forbidden by the browser's settings.
    }
  }
}
