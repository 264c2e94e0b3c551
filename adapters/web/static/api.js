// The web chat API, one method a request.

const REQUEST_MS = 20_000;

export class ApiError extends Error {
  /** `status` 0: no answer came. `retryAfter` in seconds, 0 when the server named none. */
  constructor(status, code, message, retryAfter = 0) {
    super(message);
    this.status = status;
    this.code = code;
    this.retryAfter = retryAfter;
  }

  /** The same request may succeed later. */
  get temporary() {
    return this.status === 0 || this.status === 408 || this.status === 429 || this.status >= 500;
  }
}

export class Api {
  #base;
  token = null;

  constructor(base) {
    this.#base = base;
  }

  openSession(identity) {
    return this.#json("POST", "sessions", identity ?? {});
  }

  say(id, text) {
    return this.#json("POST", "messages", { id, text });
  }

  turns(after) {
    return this.#json("GET", `turns?after=${after}`);
  }

  stop() {
    return this.#json("POST", "stop", {});
  }

  startAfresh() {
    return this.#json("POST", "new", {});
  }

  rate(turn, value, reason = "") {
    return this.#json("POST", "rate", { turn, value, reason });
  }

  press(id, button) {
    return this.#json("POST", "press", { id, button });
  }

  /** The body of the event stream after `cursor`; it ends when `controller` aborts, which it does itself when no answer begins. */
  async events(cursor, controller) {
    const headers = cursor ? { "Last-Event-ID": cursor } : {};
    const timer = setTimeout(() => controller.abort(), REQUEST_MS);
    try {
      const response = await this.#fetch("GET", "events", { headers, signal: controller.signal });
      return response.body;
    } finally {
      clearTimeout(timer);
    }
  }

  async #json(method, path, body) {
    const options = { signal: AbortSignal.timeout(REQUEST_MS), headers: {} };
    if (body !== undefined) {
      options.body = JSON.stringify(body);
      options.headers["Content-Type"] = "application/json";
    }
    const response = await this.#fetch(method, path, options);
    if (response.status === 204) return null;
    try {
      return await response.json();
    } catch {
      throw new ApiError(0, "cut_off", "The answer was cut off.");
    }
  }

  async #fetch(method, path, options) {
    const headers = { ...options.headers };
    if (this.token && path !== "sessions") headers.Authorization = `Bearer ${this.token}`;
    let response;
    try {
      response = await fetch(new URL(path, this.#base), {
        ...options, method, headers, cache: "no-store", credentials: "omit", redirect: "error",
      });
    } catch {
      throw new ApiError(0, "unreachable", "The server cannot be reached.");
    }
    if (response.ok) return response;
    throw await refusal(response);
  }
}

async function refusal(response) {
  const after = Number(response.headers.get("Retry-After")) || 0;
  let error = {};
  try {
    error = (await response.json()).error ?? {};
  } catch {
    // a proxy's page instead of our JSON: the status says enough
  }
  return new ApiError(response.status, error.code ?? "error", error.message ?? `The server answered ${response.status}.`, after);
}
