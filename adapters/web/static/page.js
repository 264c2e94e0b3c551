// The page and the widget's frame: the same chat, put together.

import { Api } from "./api.js";
import { Chat } from "./chat.js";
import { Composer } from "./composer.js";
import { Vault } from "./vault.js";
import { View } from "./view.js";

const framed = document.documentElement.dataset.place === "frame";
const given = new URLSearchParams(framed ? window.location.hash.slice(1) : "");
const identity = given.get("user") ? { user: given.get("user"), signature: given.get("signature") ?? "" } : null;

function tellHost(message) {
  // nothing in it is secret: the host page may be any listed origin
  if (framed) window.parent.postMessage({ frontdesk: message }, "*");
}

if (given.get("title")) {
  document.title = given.get("title");
  document.getElementById("title").textContent = given.get("title");
}

const vault = new Vault(identity ? `user:${identity.user}` : "guest");
const view = new View(vault, (count) => tellHost({ unread: count }));
const chat = new Chat({ api: new Api(new URL("../api/chat/", import.meta.url)), vault, view, identity });
view.chat = chat;

const composer = new Composer({
  vault,
  onSend: (text) => chat.say(text),
  onEscape: () => (chat.answering ? chat.stop() : tellHost({ close: true })),
});

document.getElementById("stop").addEventListener("click", () => {
  chat.stop();
  composer.focus();
});
document.getElementById("new").addEventListener("click", () => {
  chat.startAfresh();
  composer.focus();
});

if (framed) {
  const close = document.getElementById("close");
  close.hidden = false;
  close.addEventListener("click", () => tellHost({ close: true }));
  window.addEventListener("message", (event) => {
    if (event.source !== window.parent || typeof event.data?.frontdesk?.open !== "boolean") return;
    view.shut = !event.data.frontdesk.open;
    if (view.shut) return;
    view.seen();
    composer.focus();
  });
  tellHost({ ready: true });
} else composer.focus();

chat.start();
