// Waiting before another try: longer each time, never in step with the other visitors, cut short by good news.

const FIRST_MS = 400;
const LONGEST_MS = 15_000;

export class Backoff {
  #tries = 0;
  #wake = null;

  reset() {
    this.#tries = 0;
  }

  /** Wait; `atLeast` in seconds is what the server asked for. */
  wait(atLeast = 0) {
    const step = Math.min(LONGEST_MS, FIRST_MS * 2 ** this.#tries);
    this.#tries += 1;
    const delay = Math.max(step * (0.5 + Math.random() / 2), atLeast * 1000);
    return new Promise((resolve) => {
      const timer = setTimeout(resolve, delay);
      this.#wake = () => {
        clearTimeout(timer);
        resolve();
      };
    });
  }

  /** End the present wait now and start over with short ones. */
  cut() {
    this.#tries = 0;
    this.#wake?.();
  }
}
