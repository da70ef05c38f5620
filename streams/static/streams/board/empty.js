// What stands where rows will be: what this topic is, and the command that produces its first record; or why the
// topic cannot be watched, and who can change that.

import { element, link } from "../page/dom.js";
import { refusalOf } from "../live/status.js";

// Refusals that no command on the server changes.
const HELPLESS = new Set(["forbidden", "bad_filter", "expensive", "failed"]);

/**
 * @typedef {"empty" | "unborn" | "refused" | "no topics" | "filter"} Reason
 *
 * @typedef {object} Place
 * @property {string} itemsTopic
 * @property {string} newItemPath
 * @property {string} kafka host:port of the brokers
 */

export class Nothing {
  #panel;
  #place;
  #shown = "";

  /**
   * @param {HTMLElement} panel
   * @param {Place} place
   */
  constructor(panel, place) {
    this.#panel = panel;
    this.#place = place;
  }

  /**
   * @param {Reason | null} reason null hides the panel
   * @param {string} topic
   * @param {string} label
   * @param {{ code: string, message: string } | null} refusal
   */
  show(reason, topic, label, refusal) {
    const shown = reason === null ? "" : [reason, topic, refusal?.code, refusal?.message].join(" ");
    if (shown === this.#shown) return;
    this.#shown = shown;
    this.#panel.hidden = reason === null;
    if (reason === "empty") this.#panel.replaceChildren(...emptyTopic(topic, label, this.#place));
    if (reason === "unborn") this.#panel.replaceChildren(...unbornTopic(topic, this.#place));
    if (reason === "refused") this.#panel.replaceChildren(...refusedTopic(topic, refusal));
    if (reason === "no topics") this.#panel.replaceChildren(...noTopics());
    if (reason === "filter") this.#panel.replaceChildren(...nothingFits());
  }
}

/**
 * @param {string} topic
 * @param {string} label
 * @param {Place} place
 * @returns {Node[]} for a topic without records
 */
function emptyTopic(topic, label, { itemsTopic, newItemPath, kafka }) {
  const heading = element("h2", "", `Nothing in “${label || topic}” yet`);
  if (topic === itemsTopic) {
    const form = element("p", "", "Every change of an item appears here within a second. ", link("Submit an item", newItemPath), ", or send one to the API:");
    return [heading, form, command(itemCommand()), element("p", "muted", "A token: python manage.py createtoken USERNAME")];
  }
  return [
    heading,
    element("p", "", `The board is connected and shows what arrives in the Kafka topic ${topic}. A first record:`),
    ...firstRecord(topic, kafka),
  ];
}

/**
 * @param {string} topic
 * @param {string} kafka
 * @returns {Node[]} commands
 */
function firstRecord(topic, kafka) {
  return [
    command(`echo 'hello:{"text":"board"}' | kcat -P -b ${kafka} -t ${topic} -K:`),
    element("p", "", "or with Kafka’s own tool:"),
    command(`echo 'hello:{"text":"board"}' | kafka-console-producer.sh --bootstrap-server ${kafka} --topic ${topic} --property parse.key=true --property key.separator=:`),
  ];
}

/**
 * @param {string} topic
 * @param {Place} place
 * @returns {Node[]} for a topic that people may watch and Kafka does not have
 */
function unbornTopic(topic, { itemsTopic, kafka }) {
  const heading = element("h2", "", `${topic} is not in Kafka yet`);
  const begins = "The board is connected, looks for it again and again, and begins by itself once it is there.";
  if (topic === itemsTopic) return [heading, element("p", "", `${begins} The first change of an item makes it.`)];
  return [
    heading,
    element("p", "", `${begins} Somebody has to make it, or, where Kafka makes topics by itself, send the first record:`),
    command(`kafka-topics.sh --bootstrap-server ${kafka} --create --topic ${topic}`),
    ...firstRecord(topic, kafka),
  ];
}

function itemCommand() {
  const body = `'{"name": "Desk lamp", "price": "39.90"}'`;
  return `curl -X POST ${location.origin}/api/items/ -H "Authorization: Bearer $TOKEN" -H "Content-Type: application/json" -d ${body}`;
}

/**
 * @param {string} topic
 * @param {{ code: string, message: string } | null} refusal
 * @returns {Node[]}
 */
function refusedTopic(topic, refusal) {
  const { what, who } = refusalOf(topic, refusal);
  const added = HELPLESS.has(refusal?.code ?? "") ? [] : [element("p", "", "Or on the server:"), command(`python manage.py addtopic ${topic}`)];
  return [element("h2", "", what), element("p", "", who), ...added];
}

/** @returns {Node[]} for somebody who may watch nothing */
function noTopics() {
  return [
    element("h2", "", "There is no topic that you may watch"),
    element("p", "", "Staff can add one in Admin, under Topics, or with:"),
    command("python manage.py addtopic NAME"),
  ];
}

/** @returns {Node[]} for a filter that no row fits */
function nothingFits() {
  return [element("p", "muted", "No record fits. Those that arrive and fit will appear here.")];
}

/** @param {string} text */
function command(text) {
  const shown = element("pre", "command", element("code", "", text));
  shown.tabIndex = 0;
  return shown;
}
