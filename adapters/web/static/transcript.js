// Turns as DOM nodes, keyed by seq and kept in its order.

import { render } from "./markdown.js";

const TIME = new Intl.DateTimeFormat(undefined, { hour: "2-digit", minute: "2-digit" });
const DAY = new Intl.DateTimeFormat(undefined, { dateStyle: "medium", timeStyle: "short" });
const SPEAKERS = { customer: "You", bot: "Assistant", agent: "Team", system: "Notice" };

function make(name, className, ...children) {
  const node = document.createElement(name);
  if (className) node.className = className;
  node.append(...children);
  return node;
}

function icon(id) {
  return document.getElementById(id).content.cloneNode(true);
}

function clock(at) {
  const when = new Date(at);
  const today = when.toDateString() === new Date().toDateString();
  const node = make("time", "", Number.isNaN(when.getTime()) ? "" : (today ? TIME : DAY).format(when));
  node.dateTime = at;
  return node;
}

export class Transcript {
  #log;
  #nodes = new Map();
  #actions;

  /** `actions`: {rate(turn, value) -> promise of success, rated(turn) -> value or null, press(button)}. */
  constructor(log, actions) {
    this.#log = log;
    this.#actions = actions;
  }

  get empty() {
    return this.#nodes.size === 0;
  }

  clear() {
    this.#nodes.clear();
    this.#log.replaceChildren();
  }

  show(turn) {
    const node = this.#build(turn);
    const known = this.#nodes.get(turn.seq);
    this.#nodes.set(turn.seq, node);
    if (known) known.replaceWith(node);
    else this.#place(node, turn.seq);
  }

  hide(seq) {
    this.#nodes.get(seq)?.remove();
    this.#nodes.delete(seq);
  }

  #place(node, seq) {
    let before = null;
    for (let other = this.#log.lastElementChild; other && Number(other.dataset.seq) > seq; other = other.previousElementSibling) {
      before = other;
    }
    this.#log.insertBefore(node, before);
  }

  #build(turn) {
    const node = make("article", `turn ${greets(turn) ? "greeting" : turn.role}`, this.#speaker(turn), body(turn));
    node.dataset.seq = turn.seq;
    for (const attachment of turn.attachments) node.append(make("p", "attachment", attachment.name || attachment.kind));
    if (turn.buttons.length) node.append(this.#buttons(turn.buttons));
    if (turn.role !== "system") node.append(this.#foot(turn));
    return node;
  }

  #speaker(turn) {
    const named = turn.role === "agent" && turn.author;
    const role = greets(turn) ? "bot" : turn.role;
    return make("p", named ? "speaker" : "unseen", `${named ? turn.author : SPEAKERS[role] ?? role}:`);
  }

  #foot(turn) {
    const foot = make("div", "foot", clock(turn.at));
    if (turn.revision > 0) foot.append(make("span", "", "Edited"));
    if (turn.state === "stopped") foot.append(make("span", "", "Stopped"));
    if (turn.role === "customer") foot.append(make("span", "sent", "Sent"));
    if (turn.role === "bot" && turn.in_reply_to !== null) foot.append(this.#ratings(turn));
    return foot;
  }

  #buttons(buttons) {
    const row = make("div", "choices");
    for (const button of buttons) {
      const node = make("button", "choice", button.label);
      node.type = "button";
      node.addEventListener("click", () => this.#actions.press(button));
      row.append(node);
    }
    return row;
  }

  #ratings(turn) {
    const row = make("div", "ratings");
    row.setAttribute("role", "group");
    row.setAttribute("aria-label", "Was this answer helpful?");
    const rated = this.#actions.rated(turn);
    for (const [value, label, picture] of [[1, "Helpful", "icon-up"], [-1, "Not helpful", "icon-down"]]) {
      const node = make("button", "rating", icon(picture));
      node.type = "button";
      node.title = label;
      node.setAttribute("aria-label", label);
      node.setAttribute("aria-pressed", String(rated === value));
      node.addEventListener("click", async () => {
        if (!(await this.#actions.rate(turn, value))) return;
        for (const other of row.children) other.setAttribute("aria-pressed", String(other === node));
      });
      row.append(node);
    }
    return row;
  }
}

/** The first word of a conversation is no notice, though nobody was asked to say it. */
function greets(turn) {
  return turn.role === "system" && turn.seq === 1;
}

function body(turn) {
  const bubble = make("div", "bubble");
  if (turn.role === "bot" || turn.role === "agent") bubble.append(...render(turn.text));
  else {
    const text = make("p", "plain", turn.text);
    text.dir = "auto";
    bubble.append(text);
  }
  return bubble;
}

/** A message that is not acknowledged yet: `state` is sending, waiting (for the network) or refused. */
export function unsentNode(message, state, { retry, discard }) {
  const text = make("p", "plain", message.text);
  text.dir = "auto";
  const node = make("article", `turn customer ${state}`, make("p", "unseen", "You:"), make("div", "bubble", text));
  const foot = make("div", "foot", make("span", "state", sentence(message, state)));
  if (state !== "sending") foot.append(action("Retry", retry));
  if (state === "refused") foot.append(action("Discard", discard));
  node.append(foot);
  return node;
}

function sentence(message, state) {
  if (state === "sending") return "Sending…";
  return state === "waiting" ? "Not sent yet, trying again…" : `Not sent. ${message.refused}`;
}

function action(label, act) {
  const node = make("button", "link", label);
  node.type = "button";
  node.addEventListener("click", act);
  return node;
}
