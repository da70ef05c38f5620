// The list of boards: stars and imports without a page in between. Without it the page still leads to every board.

import { part } from "../page/dom.js";

const root = part("boards", HTMLElement);
const api = root.dataset["api"] ?? "/api/boards/";
const trouble = part("trouble", HTMLElement);
// Of a file; who mends these sees the next ones.
const FAULTS = 5;

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
    const { detail } = await response.json().catch(() => ({ detail: `The server answered ${response.status}.` }));
    say(about + (typeof detail === "string" ? detail : detail.slice(0, FAULTS).map(faultText).join(" ") || "It was refused."));
  } catch {
    say("The server cannot be reached.");
  }
  return null;
}

/**
 * @param {{ loc: (string | number)[], msg: string }} fault
 * @returns {string} where it is, and what
 */
function faultText({ loc, msg }) {
  const where = loc.slice(1).map((part) => (typeof part === "number" ? `${part + 1}` : part)).join(" › ");
  return `${where ? `${where}: ` : ""}${msg}${/[.!?]$/.test(msg) ? "" : "."}`;
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
  const text = await chosen.text();
  file.value = "";
  try {
    JSON.parse(text);
  } catch (error) {
    say(`${chosen.name} is no JSON, and so no board: ${error instanceof Error ? error.message : ""}`);
    return;
  }
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
