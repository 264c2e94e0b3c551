// What the visitor sees and hears of the chat.

import { render } from "./markdown.js";
import { Transcript, unsentNode } from "./transcript.js";

const PATIENCE_MS = 1_500; // a shorter break in the connection is not worth a banner
const NEAR_PX = 80;
const RATINGS_KEPT = 200;

const at = (id) => document.getElementById(id);

export class View {
  chat = null;
  #vault;
  #transcript;
  #unsent = new Map();
  #live = false;
  #banner = null;
  #frame = 0;
  #draft = null;
  #place = "";
  #patience = null;
  #unread = 0;
  #title = document.title;

  /** `onUnread(count)` is told how many finished turns came while nobody looked. */
  constructor(vault, onUnread = () => {}) {
    this.#vault = vault;
    this.#transcript = new Transcript(at("log"), {
      rate: (turn, value) => this.#rate(turn, value),
      rated: (turn) => (vault.get("ratings") ?? []).find(([id]) => id === turn.id)?.[1] ?? null,
      press: (button) => this.chat.press(button),
    });
    this.onUnread = onUnread;
    document.addEventListener("visibilitychange", () => this.seen());
    at("scroller").addEventListener("scroll", () => this.#offerNewest(), { passive: true });
    at("newest").addEventListener("click", () => this.#toNewest());
    at("reconnect").addEventListener("click", () => this.chat.hurry());
    new ResizeObserver(() => this.#stick && this.#toNewest()).observe(at("scroller"));
  }

  #stick = true;

  clear() {
    this.#live = false;
    at("log").setAttribute("aria-live", "off");
    this.#transcript.clear();
    at("welcome").hidden = false;
  }

  /** The record is on show: from now on finished turns are read out as they come. */
  loaded(dialogue) {
    this.progress(dialogue);
    this.#toNewest();
    requestAnimationFrame(() => {
      this.#live = true;
      at("log").setAttribute("aria-live", "polite");
    });
  }

  showTurn(turn) {
    at("welcome").hidden = true;
    this.#keepingPlace(() => this.#transcript.show(turn));
    if (this.#live && turn.role !== "customer" && turn.revision === 0) this.#count();
  }

  hideTurn(seq) {
    this.#transcript.hide(seq);
  }

  showUnsent(message, state) {
    at("welcome").hidden = true;
    const known = this.#unsent.get(message.id);
    if (known?.classList.contains(state)) return; // its buttons stay where the finger is
    const node = unsentNode(message, state, {
      retry: () => this.chat.retry(message),
      discard: () => this.chat.discard(message),
    });
    this.#unsent.set(message.id, node);
    if (known) known.replaceWith(node);
    else at("unsent").append(node);
    if (!known) this.#toNewest();
    if (state !== "sending") this.say("A message could not be sent.");
  }

  hideUnsent(message) {
    this.#unsent.get(message.id)?.remove();
    this.#unsent.delete(message.id);
    at("welcome").hidden = !this.#transcript.empty || this.#unsent.size > 0;
  }

  /** The answer being made: its text so far, dots while it is only being thought about, nothing when none is expected. */
  progress(dialogue) {
    clearTimeout(this.#patience);
    const { preview, place, expecting } = dialogue;
    if (!preview && expecting > 0) this.#patience = setTimeout(() => this.progress(dialogue), expecting + 50);
    const busy = preview !== null || place !== "" || expecting > 0;
    if (place && !this.#place) this.say(place);
    else if (busy && at("stop").hidden) this.say("The assistant is answering.");
    this.#place = place;
    at("stop").hidden = !busy;
    this.#draft = busy ? preview?.text ?? "" : null;
    cancelAnimationFrame(this.#frame);
    this.#frame = requestAnimationFrame(() => this.#paint());
    if (document.hidden || !busy) this.#paint();
  }

  connection(state) {
    if (state === "up") {
      clearTimeout(this.#banner);
      this.#banner = null;
      if (!at("banner").hidden) this.say("Connected again.");
      at("banner").hidden = true;
      at("presence").textContent = "Online";
      document.documentElement.dataset.connection = "up";
      return;
    }
    document.documentElement.dataset.connection = "lost";
    this.#banner ??= setTimeout(() => {
      at("presence").textContent = "Reconnecting…";
      at("banner-text").textContent = navigator.onLine ? "Connection lost. Reconnecting…" : "You are offline.";
      if (at("banner").hidden) this.say("Connection lost. Reconnecting.");
      at("banner").hidden = false;
    }, PATIENCE_MS);
  }

  /** A sentence of the page itself among the messages; it belongs to no conversation. */
  notice(text) {
    const node = document.createElement("p");
    node.className = "own-notice";
    node.textContent = text;
    at("scroller").insertBefore(node, at("log"));
  }

  /** Read out by screen readers, unseen. */
  say(text) {
    at("status").textContent = text;
  }

  seen() {
    if (document.hidden) return;
    this.#unread = 0;
    this.#tellUnread();
  }

  /** The widget's frame counts as unseen while its panel is shut. */
  shut = false;

  #count() {
    if (!document.hidden && !this.shut) return;
    this.#unread += 1;
    this.#tellUnread();
  }

  #tellUnread() {
    document.title = this.#unread ? `(${this.#unread}) ${this.#title}` : this.#title;
    this.onUnread(this.#unread);
  }

  #paint() {
    const draft = at("draft");
    this.#keepingPlace(() => {
      draft.hidden = this.#draft === null;
      draft.className = `draft turn bot${this.#draft ? "" : " thinking"}`;
      if (this.#draft === null) draft.replaceChildren();
      else draft.replaceChildren(bubble(this.#draft, this.#place));
    });
  }

  async #rate(turn, value) {
    const saved = await this.chat.rate(turn, value);
    if (!saved) return false;
    const others = (this.#vault.get("ratings") ?? []).filter(([id]) => id !== turn.id);
    this.#vault.set("ratings", [...others, [turn.id, value]].slice(-RATINGS_KEPT));
    this.say("Thank you for your rating.");
    return true;
  }

  #keepingPlace(change) {
    change();
    if (this.#stick) this.#toNewest();
    else this.#offerNewest();
  }

  #toNewest() {
    const scroller = at("scroller");
    scroller.scrollTop = scroller.scrollHeight;
    this.#stick = true;
    at("newest").hidden = true;
  }

  #offerNewest() {
    const { scrollHeight, scrollTop, clientHeight } = at("scroller");
    this.#stick = scrollHeight - scrollTop - clientHeight < NEAR_PX;
    at("newest").hidden = this.#stick;
  }
}

function bubble(text, place) {
  const node = document.createElement("div");
  node.className = "bubble";
  if (text) node.append(...render(text));
  else for (let dot = 0; dot < 3; dot += 1) node.append(document.createElement("i"));
  if (!text) node.setAttribute("aria-label", place || "The assistant is typing");
  if (!text) node.setAttribute("role", "img");
  if (!text && place) node.append(Object.assign(document.createElement("span"), { className: "place", textContent: place }));
  return node;
}
