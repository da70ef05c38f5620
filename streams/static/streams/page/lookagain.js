// A page that follows what the server is doing (`data-look-again`) looks every 2 seconds and changes what has changed:
// the focus stays where it is, which reloading the page would take away. Without JavaScript the page reloads itself.

import { morph } from "./morph.js";

const AGAIN_MS = 2_000;
const FOLLOWED = "[data-look-again]";

async function look() {
  const shown = document.querySelector(FOLLOWED);
  if (!shown) return;
  try {
    const response = await fetch(location.href, { cache: "no-store", signal: AbortSignal.timeout(10 * AGAIN_MS) });
    const answered = new DOMParser().parseFromString(await response.text(), "text/html");
    const wanted = answered.querySelector(FOLLOWED);
    if (!wanted && response.status < 500) {
      location.reload(); // it has ended, or one has to sign in
      return;
    }
    if (wanted) {
      document.title = answered.title;
      morph(shown, wanted);
    }
  } catch {
    // The server is away for a moment: what is shown stays, and is asked for again.
  }
  setTimeout(look, AGAIN_MS);
}

setTimeout(look, AGAIN_MS);
