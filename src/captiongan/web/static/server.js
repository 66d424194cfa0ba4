// The studio's engine where there is a server. Every failure is an ApiError whose message can be shown.

const PATHS = { draw: "/v1/generate", between: "/v1/interpolate", explain: "/v1/explain" };
const TOKEN = "captiongan-token";
const TRIES = 4;
const MOST_PATIENCE = 10; // seconds to wait for a server that says it is busy

export class ApiError extends Error {
  constructor(message, status, field = null) {
    super(message);
    this.status = status;
    this.field = field;
  }
}

export class Server {
  formats = ["png", "webp", "gif"];

  /**
   * @param askToken called when the server wants a token; resolves to one
   * @param onWait called with seconds when a busy server asks to wait
   */
  constructor({ askToken, onWait }) {
    this.askToken = askToken;
    this.onWait = onWait;
    this.remembered = new Map();
  }

  /** The open bundles, the default one's name, and the limits of a request. */
  async bundles() {
    return (await this.#ask("/v1/bundles")).json();
  }

  /** Draw pictures of a prompt, or of several. */
  draw(request, signal) {
    return this.#drawn(PATHS.draw, request, signal);
  }

  /** Draw the way from prompt to prompt, or from seed to seed. */
  between(request, signal) {
    return this.#drawn(PATHS.between, request, signal);
  }

  /** Draw what each word of a prompt changes in its picture. */
  explain(request, signal) {
    return this.#drawn(PATHS.explain, request, signal);
  }

  /** A file of what the verb draws: a sheet of pictures, a strip, a film. */
  async file(verb, request, format) {
    return (await this.#ask(PATHS[verb], { ...request, format })).blob();
  }

  /** A page that draws with this bundle and needs no server. */
  async page(bundle) {
    return (await this.#ask(`/v1/page/${encodeURIComponent(bundle)}`)).blob();
  }

  /** Ask for JSON; the last answers are remembered, so the way back is instant. */
  async #drawn(path, request, signal) {
    const key = path + JSON.stringify(request);
    if (!this.remembered.has(key)) {
      const answer = await this.#ask(path, { ...request, format: "json" }, signal);
      this.remembered.set(key, await answer.json());
      if (this.remembered.size > 24) this.remembered.delete(this.remembered.keys().next().value);
    }
    return this.remembered.get(key);
  }

  async #ask(path, body, signal) {
    for (let attempt = 1; ; attempt += 1) {
      const answer = await send(path, body, signal);
      if (answer.ok) return answer;
      if (answer.status === 401) {
        sessionStorage.setItem(TOKEN, await this.askToken(sessionStorage.getItem(TOKEN) !== null));
        signal?.throwIfAborted();
        continue;
      }
      const patience = Number(answer.headers.get("Retry-After"));
      if (answer.status !== 503 || !patience || patience > MOST_PATIENCE || attempt === TRIES) {
        throw await errorOf(answer);
      }
      this.onWait(patience);
      await wait(patience, signal);
    }
  }
}

async function send(path, body, signal) {
  const token = sessionStorage.getItem(TOKEN);
  const headers = token ? { Authorization: `Bearer ${token}` } : {};
  if (body) headers["Content-Type"] = "application/json";
  try {
    // Relative to the page, which a proxy may serve under a path of its own.
    return await fetch(`.${path}`, {
      method: body ? "POST" : "GET",
      headers,
      body: body && JSON.stringify(body),
      signal,
      cache: "no-store",
    });
  } catch (error) {
    if (error.name === "AbortError") throw error;
    throw new ApiError("The server does not answer; see whether captiongan serve still runs.", 0);
  }
}

async function errorOf(answer) {
  try {
    const { error } = await answer.json();
    return new ApiError(error.message, answer.status, error.field);
  } catch {
    return new ApiError(`The server answered ${answer.status} without a word why.`, answer.status);
  }
}

function wait(seconds, signal) {
  signal?.throwIfAborted();
  return new Promise((resolve, reject) => {
    const timer = setTimeout(resolve, 1000 * seconds);
    signal?.addEventListener("abort", () => {
      clearTimeout(timer);
      reject(signal.reason);
    });
  });
}
