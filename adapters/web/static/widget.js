// <script src="https://YOUR-FRONTDESK/widget.js" defer></script> puts a chat button on a page. Options, all optional:
// data-title, data-label (of the button), data-position="left|right", data-user and data-signature (hex HMAC-SHA256 of the user id).

(() => {
  const script = document.currentScript;
  const options = script.dataset;
  const base = new URL(".", script.src);
  const label = options.label || "Chat with us";

  const STYLE = `
    :host { all: initial; position: fixed; z-index: 2147483000; inset: auto 0 0 auto; color-scheme: light dark; }
    :host([data-position="left"]) { inset: auto auto 0 0; }
    * { box-sizing: border-box; }
    button { position: fixed; bottom: calc(20px + env(safe-area-inset-bottom)); right: calc(20px + env(safe-area-inset-right));
      width: 60px; height: 60px; border: 0; border-radius: 50%; padding: 0; cursor: pointer; background: #0e6a5a; color: #fff;
      box-shadow: 0 6px 24px rgb(0 0 0 / 28%); display: grid; place-items: center; transition: transform .15s ease; }
    :host([data-position="left"]) button { right: auto; left: calc(20px + env(safe-area-inset-left)); }
    button:hover { transform: scale(1.05); }
    button:focus-visible { outline: 3px solid #fff; outline-offset: 2px; box-shadow: 0 0 0 6px #0e6a5a; }
    svg { width: 28px; height: 28px; fill: none; stroke: currentColor; stroke-width: 1.8; stroke-linecap: round; stroke-linejoin: round; }
    .count { position: absolute; top: -2px; right: -2px; min-width: 22px; height: 22px; padding: 0 6px; border-radius: 11px;
      font: 600 13px/22px system-ui, sans-serif; background: #c62828; color: #fff; text-align: center; }
    .panel { position: fixed; bottom: calc(92px + env(safe-area-inset-bottom)); right: calc(20px + env(safe-area-inset-right));
      width: min(400px, calc(100vw - 40px)); height: min(640px, calc(100dvh - 112px)); border-radius: 18px; overflow: hidden;
      background: Canvas; box-shadow: 0 12px 48px rgb(0 0 0 / 30%); opacity: 1; transition: opacity .15s ease, transform .15s ease; }
    :host([data-position="left"]) .panel { right: auto; left: calc(20px + env(safe-area-inset-left)); }
    .panel[hidden] { display: block; visibility: hidden; opacity: 0; transform: translateY(12px); pointer-events: none; }
    iframe { width: 100%; height: 100%; border: 0; display: block; color-scheme: light dark; }
    [hidden] { display: none; }
    @media (max-width: 480px) { :host([data-open]) button { display: none; } .panel { inset: 0 !important; width: 100vw; height: 100dvh; border-radius: 0; } }
    @media (prefers-reduced-motion: reduce) { button, .panel { transition: none; } }
    @media (forced-colors: active) { button { border: 2px solid ButtonText; } .panel { border: 1px solid CanvasText; } }
  `;

  const host = document.createElement("div");
  host.dataset.position = options.position === "left" ? "left" : "right";
  const root = host.attachShadow({ mode: "open" });
  const sheet = new CSSStyleSheet();
  sheet.replaceSync(STYLE);
  root.adoptedStyleSheets = [sheet];

  const panel = document.createElement("div");
  panel.className = "panel";
  panel.id = "panel";
  panel.hidden = true;
  panel.setAttribute("role", "dialog");
  panel.setAttribute("aria-label", options.title || label);

  const button = document.createElement("button");
  button.type = "button";
  button.setAttribute("aria-haspopup", "dialog");
  button.setAttribute("aria-controls", "panel");
  const picture = document.createElementNS("http://www.w3.org/2000/svg", "svg");
  picture.setAttribute("viewBox", "0 0 24 24");
  picture.setAttribute("aria-hidden", "true");
  const shape = document.createElementNS("http://www.w3.org/2000/svg", "path");
  picture.append(shape);
  const count = document.createElement("span");
  count.className = "count";
  count.hidden = true;
  button.append(picture, count);
  root.append(panel, button);

  let frame = null;
  let ready = false;

  function dress(unread = 0) {
    const open = !panel.hidden;
    host.toggleAttribute("data-open", open);
    shape.setAttribute("d", open ? "M6 6l12 12M18 6L6 18" : "M4 5h16v11H11l-5 4v-4H4z");
    button.setAttribute("aria-expanded", String(open));
    const news = unread ? `, ${unread} new ${unread === 1 ? "message" : "messages"}` : "";
    button.setAttribute("aria-label", open ? "Close chat" : label + news);
    count.hidden = open || unread === 0;
    count.textContent = unread > 9 ? "9+" : String(unread);
  }

  function load() {
    frame = document.createElement("iframe");
    frame.title = options.title || label;
    const given = new URLSearchParams();
    for (const name of ["user", "signature", "title"]) if (options[name]) given.set(name, options[name]);
    frame.src = `${new URL("embed", base)}#${given}`;
    panel.append(frame);
  }

  function tellFrame(more = {}) {
    if (ready) frame.contentWindow?.postMessage({ frontdesk: { open: !panel.hidden, ...more } }, base.origin);
  }

  // A browser may deny storage to frames of other sites: then this page keeps the chat's session, under its own name.
  const KEPT = "frontdesk-widget:";

  function kept() {
    try {
      const names = Object.keys(localStorage).filter((name) => name.startsWith(KEPT));
      return names.map((name) => [name.slice(KEPT.length), localStorage.getItem(name)]);
    } catch {
      return null;
    }
  }

  function keep([key, value]) {
    if (typeof key !== "string" || !key.startsWith("frontdesk:")) return;
    try {
      if (typeof value === "string") localStorage.setItem(KEPT + key, value);
      else localStorage.removeItem(KEPT + key);
    } catch {
      // then the conversation lasts as long as this page
    }
  }

  function open() {
    if (!frame) load();
    panel.hidden = false;
    dress();
    frame.focus();
    tellFrame();
  }

  function close() {
    if (panel.hidden) return;
    panel.hidden = true;
    dress();
    button.focus();
    tellFrame();
  }

  button.addEventListener("click", () => (panel.hidden ? open() : close()));
  root.addEventListener("keydown", (event) => event.key === "Escape" && close());
  window.addEventListener("message", (event) => {
    if (!frame || event.source !== frame.contentWindow || event.origin !== base.origin) return;
    const said = event.data?.frontdesk;
    if (said?.close) close();
    if (said?.ready) {
      ready = true;
      tellFrame({ kept: kept() });
    }
    if (Array.isArray(said?.keep)) keep(said.keep);
    if (typeof said?.unread === "number" && panel.hidden) dress(said.unread);
  });

  dress();
  if (document.body) document.body.append(host);
  else document.addEventListener("DOMContentLoaded", () => document.body.append(host));
})();
