// The page and the widget's frame: the same chat, put together.

import { Api } from "./api.js";
import { Chat } from "./chat.js";
import { Composer } from "./composer.js";
import { Host } from "./host.js";
import { Vault, browserStorage } from "./vault.js";
import { View } from "./view.js";

const framed = document.documentElement.dataset.place === "frame";
const host = framed ? new Host() : null;
const given = new URLSearchParams(framed ? window.location.hash.slice(1) : "");
const identity = given.get("user") ? { user: given.get("user"), signature: given.get("signature") ?? "" } : null;

if (given.get("title")) {
  document.title = given.get("title");
  document.getElementById("title").textContent = given.get("title");
}

const storage = browserStorage() ?? (await host?.storage()) ?? null;
const vault = new Vault(identity ? `user:${identity.user}` : "guest", storage);
const view = new View(vault, (count) => host?.tell({ unread: count }));
const chat = new Chat({ api: new Api(new URL("../api/chat/", import.meta.url)), vault, view, identity });
view.chat = chat;

const composer = new Composer({
  vault,
  onSend: (text) => chat.say(text),
  onEscape: () => (chat.answering ? chat.stop() : host?.tell({ close: true })),
});

document.getElementById("stop").addEventListener("click", () => {
  chat.stop();
  composer.focus();
});
document.getElementById("new").addEventListener("click", () => {
  chat.startAfresh();
  composer.focus();
});

if (host) {
  const close = document.getElementById("close");
  close.hidden = false;
  close.addEventListener("click", () => host.tell({ close: true }));
  host.onOpen((open) => {
    view.shut = !open;
    if (!open) return;
    view.seen();
    composer.focus();
  });
}
composer.focus();
chat.start();
