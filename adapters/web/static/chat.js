// The conversation over the wire: keeps a session, follows its events, sends what is unsent until it is acknowledged.

import { ApiError } from "./api.js";
import { Attention } from "./attention.js";
import { Backoff } from "./backoff.js";
import { Dialogue } from "./dialogue.js";
import { readEvents } from "./stream.js";
import { Unsent, freshId } from "./unsent.js";

const LONG_RECORD = 100;
const FRESH_START_MS = 2_000;

export class Chat {
  #api;
  #vault;
  #view;
  #identity;
  #dialogue = new Dialogue();
  #unsent;
  #cursor = null;
  #loaded = false;
  #sending = false;
  #stream = null;
  #resting = false;
  #reconnecting = new Backoff();
  #resending = new Backoff();

  /** `view` shows what happens; `identity` is {user, signature} of the host site, or null. */
  constructor({ api, vault, view, identity = null }) {
    this.#api = api;
    this.#vault = vault;
    this.#view = view;
    this.#identity = identity;
    this.#unsent = new Unsent(vault);
  }

  /** Runs for the page's life. */
  async start() {
    for (const message of this.#unsent.all) this.#view.showUnsent(message, message.refused ? "refused" : "sending");
    window.addEventListener("online", () => this.hurry());
    window.addEventListener("pageshow", () => this.hurry());
    const attention = new Attention(() => this.#rest());
    for (;;) {
      try {
        await attention.present();
        await this.#ensureSession();
        if (!this.#loaded) await this.#load();
        this.#deliver();
        await this.#follow();
        if (this.#resting) continue;
        this.#view.connection("lost");
        await this.#reconnecting.wait();
      } catch (error) {
        if (!(error instanceof ApiError)) throw error;
        await this.#recover(error);
      }
    }
  }

  /** Try now whatever waits for its next try. */
  hurry() {
    this.#reconnecting.cut();
    this.#resending.cut();
  }

  say(text) {
    const message = this.#unsent.add(text, this.#dialogue.last);
    this.#view.showUnsent(message, "sending");
    this.#deliver();
  }

  retry(message) {
    this.#unsent.retry(message);
    this.#view.showUnsent(message, "sending");
    this.hurry();
    this.#deliver();
  }

  discard(message) {
    this.#unsent.remove(message);
    this.#view.hideUnsent(message);
  }

  get answering() {
    return this.#dialogue.preview !== null || this.#dialogue.place !== "" || this.#dialogue.expecting > 0;
  }

  async stop() {
    this.#dialogue.stop();
    this.#view.progress(this.#dialogue);
    await this.#control("The answer could not be stopped", () => this.#api.stop());
  }

  async startAfresh() {
    const opened = await this.#control("A new conversation could not be started", () => this.#api.startAfresh());
    if (!opened) return;
    // the event stream says it in its order; without the stream the record does
    setTimeout(() => {
      if (this.#dialogue.conversation !== opened.conversation) this.#reload();
    }, FRESH_START_MS);
  }

  rate(turn, value) {
    return this.#control("Your rating could not be saved", () => this.#api.rate(turn.id, value).then(() => true));
  }

  press(button) {
    return this.#control("The button did not work", () => this.#api.press(freshId(), button.id));
  }

  async #control(failure, act) {
    try {
      return await act();
    } catch (error) {
      if (!(error instanceof ApiError)) throw error;
      this.#view.say(`${failure}: ${error.message}`);
      return null;
    }
  }

  async #ensureSession() {
    if (this.#api.token) return;
    const kept = this.#vault.get("session");
    if (kept?.token) {
      this.#api.token = kept.token;
      return;
    }
    let opened;
    try {
      opened = await this.#api.openSession(this.#identity);
    } catch (error) {
      if (!this.#identity || error.status !== 403) throw error;
      this.#identity = null;
      this.#view.notice("We could not confirm who you are, so you are chatting as a guest.");
      opened = await this.#api.openSession(null);
    }
    this.#api.token = opened.session;
    this.#vault.set("session", { token: opened.session });
    if (!this.#vault.lasting) {
      this.#view.notice("Your browser does not keep data for this page, so this conversation can only be continued until you close it.");
    }
  }

  async #load() {
    let page = await this.#api.turns(0);
    this.#begin(page.conversation);
    for (;;) {
      this.#cursor = page.cursor || null;
      for (const turn of page.turns) this.#turn(turn);
      if (page.turns.length < LONG_RECORD) break;
      page = await this.#api.turns(this.#dialogue.last);
    }
    this.#loaded = true;
    this.#view.loaded(this.#dialogue);
  }

  /** Nobody looks: let the stream go, unless something is still under way. */
  #rest() {
    if (this.answering || this.#unsent.next) return false;
    this.#resting = true;
    this.#stream?.abort();
    return true;
  }

  #reload() {
    this.#loaded = false;
    this.#cursor = null;
    this.#stream?.abort();
    this.#reconnecting.cut();
  }

  async #follow() {
    this.#resting = false;
    this.#stream = new AbortController();
    const body = await this.#api.events(this.#cursor, this.#stream);
    this.#forgetPreview();
    this.#reconnecting.reset();
    this.#view.connection("up");
    this.#resending.cut();
    for await (const event of readEvents(body)) {
      this.#apply(event);
      if (event.id) this.#cursor = event.id;
      if (!this.#loaded) return;
    }
  }

  #apply({ name, data }) {
    if (name === "turn" || name === "turn.edited") this.#turn(data);
    else if (name === "turn.deleted") this.#delete(data.seq);
    else if (name === "preview") this.#dialogue.show(data);
    else if (name === "preview.gone") this.#dialogue.preview = null;
    else if (name === "status") this.#status(data);
    else if (name === "error") this.#reload();
    this.#view.progress(this.#dialogue);
  }

  #turn(turn) {
    if (turn.role === "note" || !this.#dialogue.take(turn)) return;
    const own = turn.role === "customer" ? this.#unsent.bind(turn) : null;
    if (own) this.#view.hideUnsent(own);
    this.#view.showTurn(turn);
  }

  #delete(seq) {
    this.#dialogue.drop(seq);
    this.#view.hideTurn(seq);
  }

  #status({ name, conversation, text }) {
    if (name === "waiting" && conversation === this.#dialogue.conversation) this.#dialogue.place = text;
    if (name === "stopped") this.#dialogue.stop();
    if (name !== "opened" || conversation === this.#dialogue.conversation) return;
    this.#begin(conversation);
    this.#view.loaded(this.#dialogue);
    this.#view.say("A new conversation has begun.");
  }

  #begin(conversation) {
    if (this.#dialogue.conversation !== null && this.#dialogue.conversation !== conversation) this.#unsent.rebase();
    this.#dialogue.begin(conversation);
    this.#view.clear();
  }

  #forgetPreview() {
    this.#dialogue.preview = null;
    this.#dialogue.place = "";
    this.#view.progress(this.#dialogue);
  }

  async #recover(error) {
    if (error.status === 401) {
      this.#expire();
      return;
    }
    if (error.code === "unknown_cursor") {
      this.#loaded = false;
      this.#cursor = null;
    }
    this.#view.connection("lost");
    await this.#reconnecting.wait(error.retryAfter);
  }

  #expire() {
    const kept = this.#vault.get("session");
    const refused = this.#api.token;
    this.#api.token = null;
    if (kept?.token === refused) {
      this.#vault.remove("session");
      this.#view.notice("Your earlier session has ended. This is a new one.");
    }
    this.#unsent.rebase();
    this.#reload();
  }

  async #deliver() {
    if (this.#sending) return;
    this.#sending = true;
    try {
      for (let message = this.#unsent.next; message && this.#api.token; message = this.#unsent.next) await this.#send(message);
    } finally {
      this.#sending = false;
    }
  }

  async #send(message) {
    if (message.bound === null && !message.waiting) this.#view.showUnsent(message, "sending");
    try {
      const { seq } = await this.#api.say(message.id, message.text);
      this.#resending.reset();
      this.#acknowledged(message, seq);
    } catch (error) {
      if (!(error instanceof ApiError)) throw error;
      if (error.status === 401) this.#expire();
      else if (error.temporary) {
        message.waiting = true;
        if (message.bound === null) this.#view.showUnsent(message, "waiting");
        await this.#resending.wait(error.retryAfter);
      } else {
        message.waiting = false;
        this.#unsent.refuse(message, error.message);
        this.#view.showUnsent(message, "refused");
      }
    }
  }

  #acknowledged(message, seq) {
    this.#unsent.remove(message);
    this.#view.hideUnsent(message);
    const turn = seq === null || message.astray ? null : this.#dialogue.accept(seq, message.text);
    if (turn) this.#view.showTurn(turn);
    this.#view.progress(this.#dialogue);
  }
}
