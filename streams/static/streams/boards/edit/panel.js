// The panel beside a board that is edited: the gallery, and the options of the tile that was chosen.

import { KINDS, movedColumn, optionsFor, ordersOf, windowsOf, withColumns } from "./kinds.js";
import { FORMATS } from "../../record/format_names.js";
import { button, element } from "../../page/dom.js";
import { formatsOf } from "../../live/protocol.js";

/**
 * @typedef {import("../figures/kinds.js").Tile} Tile
 * @typedef {import("./fields.js").Field} Field
 * @typedef {import("./kinds.js").Option} Option
 * @typedef {import("../worker/worker.js").BoardJson} BoardJson
 * @typedef {import("../../live/protocol.js").Topic} Topic
 * @typedef {import("../../live/protocol.js").Formats} Formats
 */

/**
 * @param {{ board: BoardJson, topic: string, formats: Formats, topics: Topic[], fields: Field[], choose: (topic: string) => void,
 *   read: (formats: Formats) => void, propose: (kind: string) => void, change: (parts: Partial<BoardJson>) => void, isSure: boolean,
 *   remove: (() => void) | null }} tools propose: shows such a tile before it is added; isSure: whether the board's removal was
 *   asked for once; remove: the board; null for who may not
 * @returns {HTMLElement[]}
 */
export function gallery({ board, topic, formats, topics, fields, choose, read, propose, change, isSure, remove }) {
  const select = topicSelect(topic, topics, choose);
  const cards = KINDS.map(({ kind, name, what }) => {
    const options = optionsFor(kind, fields);
    const card = button(name, "gallery-card", () => propose(kind));
    card.append(element("span", "muted", options ? what : "No field of this topic fits"));
    card.disabled = options === null;
    card.dataset["add"] = kind;
    return card;
  });
  return [element("h2", "", "Add a tile"), labelled("Topic", select), readAs(formats, read), element("div", "gallery", ...cards), ...ofBoard(board, change), ...(remove ? [removal(isSure, remove)] : [])];
}

/**
 * @param {boolean} isSure whether it was pressed before
 * @param {() => void} remove the board
 * @returns {HTMLElement} a button that has to be pressed twice
 */
function removal(isSure, remove) {
  return element("div", "actions", button(isSure ? "Delete it for everybody, for good" : "Delete this board", "danger", remove));
}

/**
 * What the board itself says: how it opens for everybody.
 *
 * @param {BoardJson} board
 * @param {(parts: Partial<BoardJson>) => void} change
 * @returns {HTMLElement[]}
 */
function ofBoard({ name, window, filter, clock }, change) {
  const windows = windowsOf(window);
  const named = input(name, (text) => (text ? change({ name: text }) : undefined), 100);
  return [
    element("h2", "", "The board"),
    labelled("Name", named),
    labelled("Opens with", select(windows.map(({ words }, place) => [String(place), words]), "0", (place) => change({ window: windows[Number(place)]?.window ?? window }))),
    labelled("Filter of all tiles", input(filter, (text) => change({ filter: text }), 2_000)),
    labelled("Times", select([["local", "in the zone of who looks"], ["utc", "in UTC"], ["relative", "how long ago"]], clock, (chosen) => change({ clock: /** @type {BoardJson["clock"]} */ (chosen) }))),
  ];
}

/**
 * @typedef {{ topics: Topic[], fields: Field[], change: (tile: Tile) => void }} Settings
 */

/**
 * A tile that is looked at before it is added.
 *
 * @param {Tile} tile
 * @param {Settings & { preview: HTMLElement, add: () => void, back: () => void }} tools
 * @returns {HTMLElement[]}
 */
export function proposal(tile, { preview, add, back, ...settings }) {
  const accept = button("Add to the board", "primary", add);
  accept.dataset["accept"] = tile.kind;
  const leave = button("Back", "", back);
  leave.setAttribute("aria-label", "Back to the gallery");
  const tools = element("div", "actions", accept, leave);
  return [element("h2", "", nameOf(tile)), preview, tools, ...rowsOf(tile, settings)];
}

/**
 * @param {Tile} tile that stands on the board
 * @param {Settings & { remove: () => void, back: () => void }} tools
 * @returns {HTMLElement[]}
 */
export function options(tile, { remove, back, ...settings }) {
  const place = element("p", "muted", "Drag the tile by its title, or choose it and press arrow keys; with shift they change its size.");
  const tools = element("div", "actions", button("Remove tile", "danger", remove), button("Back to the gallery", "quiet", back));
  return [element("h2", "", nameOf(tile)), ...rowsOf(tile, settings), place, tools];
}

/** @param {Tile} tile */
function nameOf({ kind }) {
  return KINDS.find((each) => each.kind === kind)?.name ?? kind;
}

/**
 * @param {Tile} tile
 * @param {Settings} settings
 * @returns {HTMLElement[]} a field for each of its parts
 */
function rowsOf(tile, { topics, fields, change }) {
  const kind = KINDS.find((each) => each.kind === tile.kind);
  const title = input(tile.title, (value) => change({ ...tile, title: value }), 100);
  const rows = [labelled("Title", title)];
  if (tile.kind !== "text") {
    rows.push(labelled("Topic", topicSelect(tile.topic, topics, (topic) => change({ ...tile, topic }))));
    const { value_format: _value, key_format: _key, ...others } = tile.options;
    rows.push(readAs(formatsOf(tile.options), (formats) => change({ ...tile, options: { ...others, ...formats } })));
    rows.push(labelled("Filter", input(tile.filter, (filter) => change({ ...tile, filter }), 2_000)));
  }
  for (const option of kind?.options ?? []) {
    const set = (/** @type {any} */ value) =>
      change({ ...tile, options: option.of === "fields" ? withColumns(tile.options, value) : { ...tile.options, [option.name]: value } });
    rows.push(labelled(option.label, control(option, tile, fields, set)));
  }
  return rows;
}

/**
 * @param {Formats} formats by which records are read now
 * @param {(formats: Formats) => void} read
 * @returns {HTMLElement} two choices, side by side
 */
function readAs(formats, read) {
  /** @type {(name: keyof Formats, label: string) => HTMLElement} */
  const one = (name, label) =>
    labelled(label, select([["", "the topic's"], ...["auto", ...FORMATS].map((each) => /** @type {[string, string]} */ ([each, each]))], formats[name] ?? "", (chosen) => read(formatsOf({ ...formats, [name]: chosen }))));
  return element("div", "panel-pair", one("value_format", "Values as"), one("key_format", "Keys as"));
}

/**
 * @param {Option} option
 * @param {Tile} tile
 * @param {Field[]} fields
 * @param {(value: any) => void} set
 * @returns {HTMLElement}
 */
function control(option, tile, fields, set) {
  const value = tile.options[option.name];
  switch (option.of) {
    case "choice":
      return select((option.choices ?? []).map((choice) => [choice, choice]), String(value), set);
    case "order":
      return select(ordersOf(tile.options), String(value ?? ""), set);
    case "amount": {
      const made = input(value === null || value === undefined ? "" : String(value), (text) => set(text === "" && option.optional ? null : Number(text)), 6);
      made.inputMode = "numeric";
      return made;
    }
    case "words":
      return option.name === "text" ? area(String(value ?? ""), set) : input(String(value ?? ""), set, 201);
    case "fields":
      return checks(fields, /** @type {string[]} */ (value ?? []), set);
    default:
      return fieldSelect(option, tile, fields, value ?? "", set);
  }
}

/**
 * @param {Option} option
 * @param {Tile} tile
 * @param {Field[]} fields
 * @param {string} value
 * @param {(value: string | null) => void} set
 */
function fieldSelect(option, tile, fields, value, set) {
  const fits = fields.filter(({ type }) => (option.of === "number" || option.of === "point" ? type === option.of : type !== "point"));
  /** @type {[string, string][]} */
  const choices = fits.map(({ path, example }) => [path, `${path}   ${example}`]);
  if (tile.kind === "chart" && option.name === "y") choices.unshift(["count", "count of records"]);
  if (option.optional) choices.unshift(["", "none"]);
  if (value && !choices.some(([path]) => path === value)) choices.unshift([value, `${value}   (${fields.length > 0 ? "in none of the newest records" : "no records to look at"})`]);
  return select(choices, value, (path) => set(path === "" ? null : path));
}

/**
 * @param {[string, string][]} choices
 * @param {string} value
 * @param {(value: string) => void} set
 */
function select(choices, value, set) {
  const made = document.createElement("select");
  made.append(...optionsOf(choices, value));
  made.addEventListener("change", () => set(made.value));
  return made;
}

/**
 * @param {[string, string][]} choices
 * @param {string} value
 */
function optionsOf(choices, value) {
  return choices.map(([choice, text]) => {
    const option = document.createElement("option");
    option.value = choice;
    option.textContent = text;
    option.selected = choice === value;
    return option;
  });
}

/**
 * @param {string} topic
 * @param {Topic[]} topics none while they are not known yet: then nobody can say that one may not be watched
 * @param {(topic: string) => void} choose
 */
function topicSelect(topic, topics, choose) {
  const made = select(topicChoices(topic, topics), topic, choose);
  made.dataset["topics"] = "";
  return made;
}

/**
 * Offers topics that are known now where some are chosen from, in place: what somebody holds there stays.
 *
 * @param {HTMLElement} panel
 * @param {Topic[]} topics
 */
export function nameTopics(panel, topics) {
  for (const made of panel.querySelectorAll("select[data-topics]")) {
    if (made instanceof HTMLSelectElement) made.replaceChildren(...optionsOf(topicChoices(made.value, topics), made.value));
  }
}

/**
 * @param {string} topic
 * @param {Topic[]} topics
 * @returns {[string, string][]}
 */
function topicChoices(topic, topics) {
  /** @type {[string, string][]} */
  const choices = topics.map(({ name, label }) => [name, label || name]);
  if (topic && !topics.some(({ name }) => name === topic)) choices.unshift([topic, topics.length ? `${topic} (you may not watch it)` : topic]);
  return choices;
}

/**
 * @param {string} value
 * @param {(value: string) => void} set
 * @param {number} length
 */
function input(value, set, length) {
  const made = document.createElement("input");
  made.value = value;
  made.maxLength = length;
  made.addEventListener("change", () => set(made.value.trim()));
  return made;
}

/**
 * @param {string} value
 * @param {(value: string) => void} set
 */
function area(value, set) {
  const made = document.createElement("textarea");
  made.value = value;
  made.addEventListener("change", () => set(made.value));
  return made;
}

/**
 * @param {Field[]} fields
 * @param {string[]} chosen in their order
 * @param {(columns: string[]) => void} set
 */
function checks(fields, chosen, set) {
  const paths = [...new Set([...chosen, ...fields.filter(({ type }) => type !== "point").map(({ path }) => path)])];
  const list = element("ul", "checks");
  for (const path of paths) {
    const box = document.createElement("input");
    box.type = "checkbox";
    box.checked = chosen.includes(path);
    box.addEventListener("change", () => set(box.checked ? [...chosen, path] : chosen.filter((each) => each !== path)));
    const label = document.createElement("label");
    label.append(box, element("span", "", path));
    list.append(element("li", "", label, ...(chosen.includes(path) ? movers(chosen, path, set) : [])));
  }
  return list;
}

/**
 * @param {string[]} chosen in their order
 * @param {string} path one of them
 * @param {(columns: string[]) => void} set
 * @returns {HTMLElement[]} buttons that change its place among them
 */
function movers(chosen, path, set) {
  /** @type {[string, number, string, boolean][]} */
  const ways = [["↑", -1, "earlier", chosen[0] === path], ["↓", 1, "later", chosen.at(-1) === path]];
  return ways.map(([sign, by, word, isEnd]) => {
    const mover = button(sign, "quiet mover", () => set(movedColumn(chosen, path, by)));
    mover.setAttribute("aria-label", `Move ${path} ${word}`);
    mover.disabled = isEnd;
    return mover;
  });
}

let labels = 0;

/**
 * @param {string} text
 * @param {HTMLElement} field
 */
function labelled(text, field) {
  labels += 1;
  const isGroup = field.matches("ul");
  const label = document.createElement(isGroup ? "span" : "label");
  label.className = "panel-label";
  label.textContent = text;
  field.id = `panel-${labels}`;
  if (isGroup) field.setAttribute("aria-label", text);
  else label.setAttribute("for", field.id);
  return element("div", "panel-field", label, field);
}
