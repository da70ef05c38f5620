// The page of all topics: finds as one types, follows rates, stars. Without it the page is found and paged by the server.

import { link, part, say } from "../page/dom.js";
import { localise } from "../page/localtimes.js";
import { recentOf } from "./recent.js";
import { TopicsApi } from "./topics_api.js";

// After the last key, before the server is asked; and between two looks at what moves.
const TYPED_MS = 150;
const LOOK_MS = 3_000;
const ANSWER_MS = 20_000;
const MOVING = ["rate", "last", "offsets", "size", "retention"];

const root = part("topics", HTMLElement);
const search = part("topics-search", HTMLInputElement);
const trouble = part("trouble", HTMLElement);
const said = part("topics-said", HTMLElement);
const api = new TopicsApi(root.dataset["api"] ?? "/api/topics/", root.dataset["csrf"] ?? "");
/** @type {AbortController | null} what is asked for what was typed */
let asking = null;
let timer = 0;

/**
 * @param {string} query
 * @param {AbortSignal} signal
 * @returns {Promise<HTMLElement>} the list as the server has it for an address
 */
async function listOf(query, signal) {
  const address = new URL(location.pathname + query, location.href);
  address.searchParams.set("fragment", "1");
  const response = await fetch(address, { cache: "no-store", signal: AbortSignal.any([signal, AbortSignal.timeout(ANSWER_MS)]) });
  const answered = new DOMParser().parseFromString(await response.text(), "text/html");
  const list = answered.querySelector('[data-part="topic-list"]');
  if (!response.ok || !(list instanceof HTMLElement)) throw new Error(`The list was answered with ${response.status}.`);
  localise(list);
  return list;
}

async function typed() {
  asking?.abort();
  asking = new AbortController();
  const { signal } = asking;
  const text = search.value.trim();
  const sort = new URLSearchParams(location.search).get("sort");
  const asked = new URLSearchParams({ ...(text && { search: text }), ...(sort && { sort }) });
  const query = asked.size > 0 ? `?${asked}` : "";
  try {
    const list = await listOf(query, signal);
    part("topic-list", HTMLElement).replaceWith(list);
    history.replaceState(null, "", location.pathname + query);
    say(said, list.querySelector('[data-part="topics-count"]')?.textContent ?? "No topic fits.");
    tell("");
  } catch {
    if (!signal.aborted) tell("The server cannot be reached.");
  }
}

/** What moves is taken from the list as it is now; what somebody reads or has open stays as it is. */
async function look() {
  if (document.hidden) return;
  const query = location.search;
  try {
    const now = await listOf(query, AbortSignal.timeout(ANSWER_MS));
    if (query !== location.search) return;
    for (const row of part("topic-list", HTMLElement).querySelectorAll("tr[data-topic]")) {
      const other = now.querySelector(`tr[data-topic="${CSS.escape(row.getAttribute("data-topic") ?? "")}"]`);
      const rate = row.querySelector('[data-field="rate"]');
      if (!other && rate) rate.textContent = "–"; // it stands on another page now
      for (const field of other ? MOVING : []) {
        const [cell, fresh] = [row, other].map((each) => each?.querySelector(`[data-field="${field}"]`));
        if (cell && fresh && cell.textContent !== fresh.textContent) cell.replaceChildren(...fresh.childNodes);
      }
    }
    tell("");
  } catch {
    tell("The server cannot be reached: what you see does not move.");
  }
}

/** @param {string} text */
function tell(text) {
  say(trouble, text);
  trouble.hidden = text === "";
}

root.addEventListener("click", async ({ target }) => {
  const star = target instanceof Element ? target.closest("button[data-star]") : null;
  const name = star?.closest("tr")?.getAttribute("data-topic");
  if (!star || !name) return;
  const isFavourite = star.getAttribute("aria-pressed") !== "true";
  const problem = await api.setFavourite(name, isFavourite);
  tell(problem);
  if (!problem) star.setAttribute("aria-pressed", String(isFavourite));
});

search.addEventListener("input", () => {
  clearTimeout(timer);
  timer = setTimeout(() => void typed(), TYPED_MS);
});
part("topics-form", HTMLFormElement).addEventListener("submit", (event) => {
  event.preventDefault();
  clearTimeout(timer);
  void typed();
});
document.addEventListener("keydown", (event) => {
  const isTyping = event.target instanceof HTMLElement && event.target.matches("input, textarea, select");
  if (event.key !== "/" || isTyping || event.ctrlKey || event.metaKey || event.altKey) return;
  event.preventDefault();
  search.focus();
  search.select();
});

const recents = part("recents", HTMLElement);
for (const name of recentOf(root.dataset["user"] ?? "")) {
  recents.append(" ", link(name, `${root.dataset["boardPath"] ?? "/"}?${new URLSearchParams({ topic: name })}`));
  recents.hidden = false;
}
root.classList.add("scripted");
setInterval(() => void look(), LOOK_MS);
