// Server-sent events out of a fetch body: EventSource cannot send an Authorization header.

const LONGEST_SILENCE_MS = 45_000; // the server writes at least every 15 seconds

/** Yields {name, id, data} until the stream ends; a silent stream counts as ended. */
export async function* readEvents(body) {
  const reader = body.getReader();
  const decoder = new TextDecoder();
  let rest = "";
  let event = { name: "message", id: null, data: "" };
  try {
    for (;;) {
      const { done, value } = await readInTime(reader);
      if (done) return;
      const lines = (rest + decoder.decode(value, { stream: true })).split("\n");
      rest = lines.pop();
      for (const line of lines) {
        if (line !== "") {
          take(line, event);
          continue;
        }
        if (event.data) yield { ...event, data: JSON.parse(event.data) };
        event = { name: "message", id: null, data: "" };
      }
    }
  } catch (error) {
    if (error instanceof SyntaxError) throw error;
  } finally {
    reader.cancel().catch(() => {});
  }
}

async function readInTime(reader) {
  let timer;
  const silence = new Promise((resolve) => {
    timer = setTimeout(() => resolve({ done: true }), LONGEST_SILENCE_MS);
  });
  try {
    return await Promise.race([reader.read(), silence]);
  } finally {
    clearTimeout(timer);
  }
}

function take(line, event) {
  const colon = line.indexOf(":");
  const field = colon < 0 ? line : line.slice(0, colon);
  const value = colon < 0 ? "" : line.slice(colon + 1).replace(/^ /, "");
  if (field === "event") event.name = value;
  else if (field === "id") event.id = value;
  else if (field === "data") event.data += event.data ? `\n${value}` : value;
}
