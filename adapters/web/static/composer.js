// The field one writes in. Enter sends, Shift+Enter starts a line, Escape stops the answer.

const CONTROL = /[\u0000-\u0008\u000b-\u001f\u007f-\u009f\ufffe\uffff]/gu;

export class Composer {
  #text = document.getElementById("text");
  #vault;
  #saving = null;

  constructor({ vault, onSend, onEscape }) {
    this.#vault = vault;
    this.#text.value = vault.get("draft") ?? "";
    this.#text.addEventListener("input", () => this.#changed());
    this.#text.addEventListener("keydown", (event) => this.#key(event));
    document.getElementById("composer").addEventListener("submit", (event) => {
      event.preventDefault();
      this.#send(onSend);
    });
    document.addEventListener("keydown", (event) => {
      if (event.key !== "Escape" || event.isComposing) return;
      event.preventDefault();
      onEscape();
    });
    window.addEventListener("pagehide", () => this.#save());
    this.#fit();
  }

  focus() {
    this.#text.focus();
  }

  #key(event) {
    // 229: a key that belongs to an input method, also where isComposing is not told
    if (event.key !== "Enter" || event.shiftKey || event.isComposing || event.keyCode === 229) return;
    event.preventDefault();
    document.getElementById("composer").requestSubmit();
  }

  #send(onSend) {
    // as the server cleans it, so that our own turn is recognised
    const text = this.#text.value.replace(/\r\n?/gu, "\n").replace(CONTROL, "").toWellFormed().trim();
    this.focus();
    if (!/[^\p{C}\p{Z}]/u.test(text)) return;
    this.#text.value = "";
    this.#changed();
    this.#save();
    onSend(text);
  }

  #changed() {
    this.#fit();
    clearTimeout(this.#saving);
    this.#saving = setTimeout(() => this.#save(), 300);
  }

  #save() {
    clearTimeout(this.#saving);
    if (this.#text.value) this.#vault.set("draft", this.#text.value);
    else this.#vault.remove("draft");
  }

  #fit() {
    this.#text.style.height = "auto";
    this.#text.style.height = `${this.#text.scrollHeight}px`;
  }
}
