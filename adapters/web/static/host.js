// The frame's side of the talk with the page that the widget is on. Only listed origins can put us into a frame, so the host may
// know what we tell it; where the browser denies a frame its own storage, the host page keeps the session for us.

const ANSWER_MS = 1_000;

export class Host {
  #kept = new Map();
  #onOpen = () => {};
  #answered;
  #answer = null;

  constructor() {
    this.#answered = new Promise((resolve) => {
      this.#answer = resolve;
    });
    window.addEventListener("message", (event) => this.#hear(event));
    this.tell({ ready: true });
  }

  tell(message) {
    window.parent.postMessage({ frontdesk: message }, "*");
  }

  /** Calls `listener(open)` whenever the panel opens or shuts. */
  onOpen(listener) {
    this.#onOpen = listener;
  }

  /** A storage in the host page; null when it does not answer within a second. */
  async storage() {
    const late = new Promise((resolve) => setTimeout(resolve, ANSWER_MS, false));
    if (!(await Promise.race([this.#answered, late]))) return null;
    const kept = this.#kept;
    return {
      get length() {
        return kept.size;
      },
      key: (index) => [...kept.keys()][index] ?? null,
      getItem: (key) => kept.get(key) ?? null,
      setItem: (key, value) => {
        kept.set(key, value);
        this.tell({ keep: [key, value] });
      },
      removeItem: (key) => {
        kept.delete(key);
        this.tell({ keep: [key, null] });
      },
    };
  }

  #hear({ source, data }) {
    const said = data?.frontdesk;
    if (source !== window.parent || !said) return;
    if (Array.isArray(said.kept)) {
      this.#kept = new Map(said.kept);
      this.#answer(true);
    }
    if (said.kept === null) this.#answer(false);
    if (typeof said.open === "boolean") this.#onOpen(said.open);
  }
}
