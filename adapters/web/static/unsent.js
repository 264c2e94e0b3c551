// Messages the server has not acknowledged yet. Each keeps its id over reloads, so that sending it again stores nothing twice.

const NAME = "unsent:";

export function freshId() {
  // randomUUID exists on https and localhost only
  return [...crypto.getRandomValues(new Uint8Array(16))].map((byte) => byte.toString(16).padStart(2, "0")).join("");
}

export class Unsent {
  #vault;
  #messages;

  constructor(vault) {
    this.#vault = vault;
    this.#messages = vault.names(NAME).map((name) => vault.get(name)).filter((message) => message?.id && message.text);
    this.#messages.sort((one, other) => one.order - other.order);
    for (const message of this.#messages) Object.assign(message, { bound: null, waiting: false, astray: true });
  }

  get all() {
    return [...this.#messages];
  }

  /** The next one to send: refused ones wait for the person. */
  get next() {
    return this.#messages.find((message) => !message.refused) ?? null;
  }

  /** `bound`: the seq of its turn, seen before the acknowledgement; `waiting`: a try failed and the next comes by itself. `after`: the newest seq known now, so that its own turn can be told from an older one with the same text. `astray`: a try may have stored it in an earlier conversation, so only the event stream can tell where its turn is. */
  add(text, after) {
    const order = Math.max(Date.now(), ...this.#messages.map((message) => message.order + 1));
    const message = { id: freshId(), text, after, order, refused: null, bound: null, waiting: false, astray: false };
    this.#messages.push(message);
    this.#keep(message);
    return message;
  }

  refuse(message, reason) {
    message.refused = reason;
    this.#keep(message);
  }

  retry(message) {
    message.refused = null;
    message.waiting = false;
    this.#keep(message);
  }

  remove(message) {
    this.#messages = this.#messages.filter((other) => other !== message);
    this.#vault.remove(NAME + message.id);
  }

  /** The message whose turn this is, when the event came before the acknowledgement. */
  bind(turn) {
    const own = this.#messages.find((message) => message.bound === null && turn.seq > message.after && turn.text === message.text);
    if (own) own.bound = turn.seq;
    return own ?? null;
  }

  /** A fresh conversation counts its turns from 1 again; what an earlier try stored belongs to the old one. */
  rebase() {
    for (const message of this.#messages) {
      message.after = 0;
      message.bound = null;
      message.astray = true;
      this.#keep(message);
    }
  }

  #keep({ id, text, after, order, refused }) {
    this.#vault.set(NAME + id, { id, text, after, order, refused });
  }
}
