// A small part of Markdown as DOM nodes. Text of a model is never markup: nothing here parses HTML, links are http(s) only.

const INLINE = new RegExp(
  [
    "`([^`\\n]+)`", // code
    "\\*\\*([^*\\n]+)\\*\\*", // bold
    "(?<![\\w*])[*_]([^*_\\s][^*_\\n]*)[*_](?![\\w*])", // emphasis
    "\\[([^\\[\\]\\n]+)\\]\\((https?://[^\\s()<>]+)\\)", // link
    "(https?://[^\\s<>()\\[\\]\"']*[^\\s<>()\\[\\]\"'.,;:!?*_`])", // bare address
  ].join("|"),
  "gu",
);
const FENCE = /^\s{0,3}```/u;
const HEADING = /^#{1,6}\s+(.+)$/u;
const BULLET = /^\s{0,6}[-*+]\s+(.*)$/u;
const NUMBER = /^\s{0,6}(\d{1,9})[.)]\s+(.*)$/u;
const QUOTE = /^>\s?(.*)$/u;

function element(name, children, attributes = {}) {
  const node = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) node.setAttribute(key, value);
  node.append(...children);
  return node;
}

function link(address, children) {
  return element("a", children, { href: address, target: "_blank", rel: "noopener noreferrer nofollow", title: address });
}

function inline(text) {
  const nodes = [];
  let from = 0;
  for (const found of text.matchAll(INLINE)) {
    if (found.index > from) nodes.push(text.slice(from, found.index));
    const [whole, code, bold, emphasis, label, address, bare] = found;
    if (code !== undefined) nodes.push(element("code", [code]));
    else if (bold !== undefined) nodes.push(element("strong", inline(bold)));
    else if (emphasis !== undefined) nodes.push(element("em", [emphasis]));
    else if (label !== undefined) nodes.push(link(address, [label]));
    else nodes.push(link(bare, [bare]));
    from = found.index + whole.length;
  }
  if (from < text.length) nodes.push(text.slice(from));
  return nodes;
}

function lines(texts) {
  return texts.flatMap((text, index) => (index ? [document.createElement("br"), ...inline(text)] : inline(text)));
}

class Blocks {
  #done = [];
  #paragraph = [];
  #list = null;

  get nodes() {
    this.#close();
    return this.#done;
  }

  code(texts) {
    this.#close();
    this.#done.push(element("pre", [element("code", [texts.join("\n")])], { dir: "ltr", tabindex: "0" }));
  }

  line(text) {
    const heading = HEADING.exec(text);
    const bullet = BULLET.exec(text);
    const number = NUMBER.exec(text);
    const quote = QUOTE.exec(text);
    if (text.trim() === "") this.#close();
    else if (heading) this.#block(element("p", [element("strong", inline(heading[1]))], { dir: "auto", class: "heading" }));
    else if (bullet) this.#item("ul", bullet[1]);
    else if (number) this.#item("ol", number[2], number[1]);
    else if (quote) this.#block(element("blockquote", inline(quote[1]), { dir: "auto" }));
    else if (this.#list && /^\s/u.test(text)) this.#list.lastChild.append(document.createElement("br"), ...inline(text.trim()));
    else this.#text(text);
  }

  #text(text) {
    this.#endList();
    this.#paragraph.push(text);
  }

  #block(node) {
    this.#close();
    this.#done.push(node);
  }

  #item(kind, text, start = "1") {
    this.#endParagraph();
    if (this.#list?.localName !== kind) {
      this.#endList();
      this.#list = element(kind, [], kind === "ol" ? { start, dir: "auto" } : { dir: "auto" });
    }
    this.#list.append(element("li", inline(text), { dir: "auto" }));
  }

  #close() {
    this.#endParagraph();
    this.#endList();
  }

  #endParagraph() {
    if (this.#paragraph.length) this.#done.push(element("p", lines(this.#paragraph), { dir: "auto" }));
    this.#paragraph = [];
  }

  #endList() {
    if (this.#list) this.#done.push(this.#list);
    this.#list = null;
  }
}

/** The nodes of `text`; an unfinished piece (a preview) renders as far as it goes. */
export function render(text) {
  const blocks = new Blocks();
  let fenced = null;
  for (const line of text.split("\n")) {
    if (FENCE.test(line)) {
      if (fenced) blocks.code(fenced);
      fenced = fenced ? null : [];
    } else if (fenced) fenced.push(line);
    else blocks.line(line);
  }
  if (fenced) blocks.code(fenced);
  return blocks.nodes;
}
