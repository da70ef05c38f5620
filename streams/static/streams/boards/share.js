// Who sees and changes a board, a copy of one's own, and the board as a file: a sheet that is loaded when somebody opens it.

import { BoardsApi, UNANSWERED } from "./boards_api.js";
import { button, element, link } from "../page/dom.js";

/**
 * @typedef {import("./worker/worker.js").BoardJson} BoardJson
 * @typedef {{ dialog: HTMLDialogElement, boardsApi: string, boardsPath: string, csrf: string, mayShare: boolean,
 *   saved: (board: BoardJson) => void }} ShareTools
 */

/** @type {[string, string][]} each has the ones before it among it */
const AUDIENCES = [["private", "nobody else"], ["groups", "the groups below"], ["everyone", "everyone who is signed in"]];

/**
 * @param {BoardJson} board as it is kept
 * @param {ShareTools} tools
 */
export function openShare(board, tools) {
  const { dialog, boardsApi, csrf } = tools;
  const api = new BoardsApi(boardsApi, csrf);
  const path = encodeURIComponent(board.slug);
  const trouble = element("p", "tile-problem", "");
  trouble.setAttribute("role", "alert");
  trouble.hidden = true;
  const say = (/** @type {string} */ text) => {
    trouble.textContent = text;
    trouble.hidden = text === "";
  };

  /** @param {import("./boards_api.js").Answer | null} answer @returns {any} what it says; null when it failed, which is said */
  const said = (answer) => {
    if (answer?.ok) return answer.json;
    say(answer ? answer.refusal.replace(/^sharing[^:]*: /, "") : UNANSWERED); // where it is, is seen
    return null;
  };

  const form = tools.mayShare ? sharingForm(board, async (sharing) => {
    // Who changed its tiles meanwhile has said nothing about who may.
    const now = said(await api.read(board.slug));
    if (!now) return;
    if (JSON.stringify(now.sharing) !== JSON.stringify(board.sharing)) {
      say("Somebody else has said meanwhile who may: load the page again to see it.");
      return;
    }
    const kept = said(await api.ask(path, { method: "PATCH", version: now.version, body: JSON.stringify({ sharing }) }));
    if (!kept) return;
    tools.saved(kept);
    dialog.close();
  }) : element("p", "muted", "Only its owner says who may see and change this board.");
  const copy = button("Make a copy of my own", "", async () => {
    const made = said(await api.ask(`${path}/copy`, { method: "POST" }));
    if (made) location.assign(`${tools.boardsPath}${made.slug}/`);
  });
  const file = link("Download as a file", `${api.addressOf(board.slug)}/export`);
  file.className = "button";
  const close = button("✕", "quiet", () => dialog.close());
  close.setAttribute("aria-label", "Close");
  const head = element("div", "page-head", element("h2", "", "Share this board"), close);
  const rights = element("p", "muted", "The link opens it for everybody who may see it; each tile shows its topic to who may watch that topic.");
  dialog.replaceChildren(head, trouble, rights, form, element("div", "actions", copy, file));
  dialog.showModal();
}

/**
 * @param {BoardJson} board
 * @param {(sharing: any) => void} save
 */
function sharingForm({ sharing }, save) {
  const read = audience("May be seen by", sharing.read);
  const edit = audience("May be changed by", sharing.edit);
  const groups = groupsField(sharing.groups);
  const form = element("form", "", read.field, edit.field, groups.field, element("button", "primary", "Save who may"));
  const offer = () => {
    // Who may change a board sees it.
    const most = read.select.selectedIndex;
    for (const [place, option] of [...edit.select.options].entries()) option.disabled = place > most;
    if (edit.select.selectedIndex > most) edit.select.selectedIndex = most;
    groups.field.hidden = ![read, edit].some(({ select }) => select.value === "groups");
  };
  offer();
  form.addEventListener("change", offer);
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    save({ read: read.select.value, edit: edit.select.value, groups: groups.chosen() });
  });
  return form;
}

/** @param {string[]} chosen those that the board is shared with: the owner may have left one meanwhile */
function groupsField(chosen) {
  /** @type {string[]} */
  const own = JSON.parse(document.getElementById("own-groups")?.textContent ?? "[]");
  const boxes = [...new Set([...own, ...chosen])].sort().map((name) => {
    const box = document.createElement("input");
    Object.assign(box, { type: "checkbox", value: name, checked: chosen.includes(name) });
    return box;
  });
  const field = element("fieldset", "share-groups", element("legend", "", "Groups"), ...boxes.map((box) => element("label", "", box, element("bdi", "", box.value))));
  if (boxes.length === 0) field.append(element("p", "muted", "You are in no group. Whoever looks after accounts in the admin can put you into one."));
  return { field, chosen: () => boxes.filter(({ checked }) => checked).map(({ value }) => value) };
}

/**
 * @param {string} text
 * @param {string} chosen
 */
function audience(text, chosen) {
  const select = document.createElement("select");
  select.id = `share-${text.replace(/\W+/g, "-").toLowerCase()}`;
  for (const [value, words] of AUDIENCES) {
    const option = document.createElement("option");
    option.value = value;
    option.textContent = words;
    option.selected = value === chosen;
    select.append(option);
  }
  const label = document.createElement("label");
  label.setAttribute("for", select.id);
  label.textContent = text;
  return { select, field: element("div", "field", label, select) };
}
