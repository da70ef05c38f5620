// The list of boards: stars and imports without a page in between. Without it the page still leads to every board.

import { part } from "../page/dom.js";
import { readBoard } from "./file.js";
import { refusalOf } from "./faults.js";

const root = part("boards", HTMLElement);
const api = root.dataset["api"] ?? "/api/boards/";
const trouble = part("trouble", HTMLElement);

/**
 * @param {string} path
 * @param {RequestInit} request
 * @param {string} [about] what it is about, where that has to be said
 * @returns {Promise<Response | null>} null when it failed, which is said
 */
async function ask(path, request, about = "") {
  const token = root.dataset["csrf"] ?? "";
  try {
    const response = await fetch(api + path, { ...request, headers: { "X-CSRFToken": token, "Content-Type": "application/json" } });
    if (response.ok) return response;
    say(about + (await refusalOf(response)));
  } catch {
    say("The server cannot be reached.");
  }
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
  if (made) location.assign(`${root.dataset["boardsPath"]}${(await made.json()).slug}/`);
});

part("new", HTMLFormElement).addEventListener("submit", async (event) => {
  event.preventDefault();
  const name = part("new-name", HTMLInputElement).value.trim();
  if (!name) return;
  const made = await ask("", { method: "POST", body: JSON.stringify({ name }) });
  if (made) location.assign(`${root.dataset["boardsPath"]}${(await made.json()).slug}/`);
});
