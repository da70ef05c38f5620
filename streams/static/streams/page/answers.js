// Answers of the server: one of which nothing comes any more is given up, however long it may take as a whole.

export class Silence {
  #ms;
  #giveUp = new AbortController();

  /** @param {number} ms for which a server may say nothing while it is waited for */
  constructor(ms) {
    this.#ms = ms;
  }

  /** For `fetch`: given when it was silent for so long. */
  get signal() {
    return this.#giveUp.signal;
  }

  /**
   * @template T
   * @param {Promise<T>} next of what the server says
   * @returns {Promise<T>} it; who does nothing with it meanwhile does not count as silent
   */
  async during(next) {
    const timer = setTimeout(() => this.#giveUp.abort(), this.#ms);
    try {
      return await next;
    } finally {
      clearTimeout(timer);
    }
  }
}

/**
 * @param {ReadableStream<Uint8Array>} body
 * @param {Silence} silence that its answer was asked with
 * @returns {AsyncGenerator<Uint8Array>} its pieces; whoever stops reading ends it. Not every browser lets a stream be
 *   iterated by itself
 */
export async function* piecesOfBody(body, silence) {
  const reader = body.getReader();
  try {
    for (;;) {
      const { done, value } = await silence.during(reader.read());
      if (done) return;
      yield value;
    }
  } finally {
    await reader.cancel().catch(() => {}); // it may have broken off already
  }
}

/**
 * @param {Response} response
 * @returns {Promise<{ ok: boolean, status: number, json: any }>} json: what it says; null, where that is no JSON
 */
export async function answerOf(response) {
  const { ok, status } = response;
  const text = await response.text();
  try {
    return { ok, status, json: JSON.parse(text) };
  } catch {
    return { ok, status, json: null };
  }
}
