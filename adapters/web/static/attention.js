// Whether anybody looks. A browser keeps six connections to a server, and each open stream holds one: a tab that nobody looks at
// gives its own back after a while, so that the tab in front can always talk.

const HIDDEN_MS = 20_000;

export class Attention {
  #away;
  #timer = null;
  #back = null;

  /** `away()` is called when the page was hidden for a while; it returns false to be asked again later. */
  constructor(away) {
    this.#away = away;
    document.addEventListener("visibilitychange", () => this.#changed());
    this.#changed();
  }

  /** Resolves at once while the page is in sight or only just hidden, else when it is seen again. */
  async present() {
    await this.#back?.promise;
  }

  #changed() {
    clearTimeout(this.#timer);
    if (document.hidden) {
      this.#timer = setTimeout(() => this.#leave(), HIDDEN_MS);
      return;
    }
    this.#back?.resolve();
    this.#back = null;
  }

  #leave() {
    let resolve;
    const promise = new Promise((done) => {
      resolve = done;
    });
    this.#back = { promise, resolve };
    if (this.#away()) return;
    this.#back = null;
    this.#changed();
  }
}
