// The list of boards: stars and imports without a page in between. Without it the page still leads to every board.

import { BoardsApi, UNANSWERED } from "./boards_api.js";
import { part } from "../page/dom.js";
import { readBoard } from "./file.js";

const root = part("boards", HTMLElement);
const api = new BoardsApi(root.dataset["api"] ?? "/api/boards/", root.dataset["csrf"] ?? "");
const trouble = part("trouble", HTMLElement);

/**
 * @param {string} path
 * @param {import("./boards_api.js").Request} request
 * @param {string} [about] what it is about, where that has to be said
 * @returns {Promise<import("./boards_api.js").Answer | null>} null when it failed, which is said
 */
async function ask(path, request, about = "") {
  const answer = await api.ask(path, request);
  if (answer?.ok) return answer;
  say(answer ? about + answer.refusal : UNANSWERED);
  return null;
}

/** @param {string} text */
function say(text) {
  trouble.textContent = text;
  trouble.hidden = text === "";
}

for (const star of root.querySelectorAll("button[data-star]")) {
  if (!(star instanceof HTMLButtonElement)) continue;
  star.hidden = false;
  star.addEventListener("click", async () => {
    const isStarred = star.getAttribute("aria-pressed") === "true";
    const done = await ask(`${star.dataset["star"]}/star`, { method: isStarred ? "DELETE" : "PUT" });
    if (done) star.setAttribute("aria-pressed", String(!isStarred));
  });
}

const file = part("import", HTMLInputElement);
file.addEventListener("change", async () => {
  const [chosen] = file.files ?? [];
  if (!chosen) return;
  const { text, problem } = await readBoard(chosen);
  file.value = ""; // the same one again, mended, is a change
  say(problem);
  if (text === null) return;
  const made = await ask("import", { method: "POST", body: text }, `${chosen.name} cannot be imported. `);
  if (made) location.assign(`${root.dataset["boardsPath"]}${made.json.slug}/`);
});

part("new", HTMLFormElement).addEventListener("submit", async (event) => {
  event.preventDefault();
  const name = part("new-name", HTMLInputElement).value.trim();
  if (!name) return;
  const made = await ask("", { method: "POST", body: JSON.stringify({ name }) });
  if (made) location.assign(`${root.dataset["boardsPath"]}${made.json.slug}/`);
});
