// What the page remembers. Where the browser keeps nothing for this site, it is remembered for the page's life only.

/** localStorage, or null where the browser denies it. */
export function browserStorage() {
  try {
    const storage = window.localStorage;
    storage.setItem("frontdesk:probe", "1");
    storage.removeItem("frontdesk:probe");
    return storage;
  } catch {
    return null;
  }
}

export class Vault {
  #storage;
  #prefix;
  #memory = new Map();

  constructor(scope, storage) {
    this.#storage = storage;
    this.#prefix = `frontdesk:${scope}:`;
  }

  /** False when nothing outlives the page. */
  get lasting() {
    return this.#storage !== null && this.#memory.size === 0;
  }

  get(name) {
    if (this.#memory.has(name)) return this.#memory.get(name);
    try {
      return JSON.parse(this.#storage?.getItem(this.#prefix + name) ?? "null");
    } catch {
      return null;
    }
  }

  set(name, value) {
    try {
      if (this.#storage === null) throw new Error("no storage");
      this.#storage.setItem(this.#prefix + name, JSON.stringify(value));
      this.#memory.delete(name);
    } catch {
      this.#memory.set(name, value);
    }
  }

  remove(name) {
    this.#memory.delete(name);
    try {
      this.#storage?.removeItem(this.#prefix + name);
    } catch {
      // a storage that went away keeps nothing
    }
  }

  names(start) {
    const found = new Set([...this.#memory.keys()].filter((name) => name.startsWith(start)));
    try {
      const wanted = this.#prefix + start;
      for (let index = 0; index < (this.#storage?.length ?? 0); index += 1) {
        const key = this.#storage.key(index);
        if (key?.startsWith(wanted)) found.add(key.slice(this.#prefix.length));
      }
    } catch {
      // as above
    }
    return [...found];
  }
}
