// The conversation as the page knows it: turns by seq, so that nothing shows twice, and the answer being made.

const WAIT_SHOWN_MS = 120_000;

export class Dialogue {
  conversation = null;
  preview = null;
  place = ""; // of the question in line, in words, while the wait is long
  #turns = new Map();
  #arrived = new Map();
  #stoppedThrough = 0;

  /** Forget everything; a conversation begins. */
  begin(conversation) {
    this.conversation = conversation;
    this.preview = null;
    this.place = "";
    this.#turns.clear();
    this.#arrived.clear();
    this.#stoppedThrough = 0;
  }

  get last() {
    return Math.max(0, ...this.#turns.keys());
  }

  get empty() {
    return this.#turns.size === 0;
  }

  /** Takes a turn that is new or newer than ours; false for a repeat. */
  take(turn) {
    const known = this.#turns.get(turn.seq);
    if (known && !known.provisional && known.revision >= turn.revision) return false;
    this.#turns.set(turn.seq, turn);
    if (!this.#arrived.has(turn.seq)) this.#arrived.set(turn.seq, Date.parse(turn.at) || Date.now());
    if (this.preview && this.#answered >= this.preview.in_reply_to) this.preview = null;
    if (turn.role === "bot" || turn.role === "agent") this.place = "";
    return true;
  }

  /** Our own message was stored as `seq`; its turn event may still be under way. Null when that turn is already here. */
  accept(seq, text) {
    if (this.#turns.has(seq)) return null;
    const turn = {
      id: null, seq, role: "customer", text, in_reply_to: null, at: new Date().toISOString(), author: "",
      revision: 0, state: "whole", attachments: [], buttons: [], provisional: true,
    };
    this.take(turn);
    return turn;
  }

  drop(seq) {
    this.#turns.delete(seq);
    this.#arrived.delete(seq);
  }

  /** False for a preview of an answer that is already here. */
  show(preview) {
    if (this.#answered >= preview.in_reply_to) return false;
    this.preview = preview;
    this.place = "";
    return true;
  }

  /** Nobody needs to wait for answers to what was said so far. */
  stop() {
    this.#stoppedThrough = this.last;
    this.place = "";
  }

  /** Milliseconds for which an answer may still be expected; 0 when none is. */
  get expecting() {
    const asked = this.#newest((turn) => turn.role === "customer");
    if (asked === 0 || asked <= Math.max(this.#answered, this.#stoppedThrough, this.#newest((turn) => turn.role === "system"))) return 0;
    return Math.max(0, this.#arrived.get(asked) + WAIT_SHOWN_MS - Date.now());
  }

  get #answered() {
    let through = this.#newest((turn) => turn.role === "agent");
    for (const turn of this.#turns.values()) {
      if (turn.role === "bot" && turn.in_reply_to > through) through = turn.in_reply_to;
    }
    return through;
  }

  #newest(wanted) {
    let seq = 0;
    for (const turn of this.#turns.values()) if (wanted(turn) && turn.seq > seq) seq = turn.seq;
    return seq;
  }
}
