// What a person reads on the board: the rows and the detail beside them, with the filter, the pause and the gaps that
// are loaded by hand. Knows no connection; what arrives is given to it.

import { Detail } from "./detail.js";
import { part } from "../page/dom.js";
import { Entries } from "./entries.js";
import { loadGap } from "./gaps.js";
import { LoadError } from "./records_api.js";
import { Rows } from "./rows.js";
import { Search } from "./search.js";
import { clock } from "../page/format.js";

/**
 * @typedef {import("./row.js").Entry} Entry
 * @typedef {import("./row.js").RecordEntry} RecordEntry
 * @typedef {import("./row.js").GapEntry} GapEntry
 * @typedef {import("../live/protocol.js").KafkaRecord} KafkaRecord
 *
 * @typedef {object} ReaderTools
 * @property {string} itemsPath
 * @property {string} itemsTopic
 * @property {import("./records_api.js").RecordsApi} api
 * @property {() => import("../live/subscription.js").Subscription} subscription what the board watches now
 * @property {() => void} changed called after whatever the figures count
 * @property {() => void} deeper begins the topic again, as far back as can be searched
 */

export class Reader {
  /** gaps that were not loaded yet */
  openGaps = 0;
  /** records that were loaded into gaps */
  loaded = 0;
  rows;
  search;
  #tools;
  #entries;
  #detail;
  #receivedAtPause = 0;

  /** @param {ReaderTools} tools */
  constructor(tools) {
    this.#tools = tools;
    this.#entries = new Entries(tools.itemsTopic);
    const list = part("rows", HTMLElement);
    this.rows = new Rows(
      list,
      {
        itemsPath: tools.itemsPath,
        fields: (value) => this.#entries.fields(value),
        load: (gap) => void this.#load(gap),
      },
      tools.changed,
    );
    this.#detail = new Detail(part("detail", HTMLElement), {
      itemsPath: tools.itemsPath,
      loadWhole: (entry) => this.#whole(entry),
      only: (key) => this.search.only(key),
      closed: () => this.rows.focusSelected(),
    });
    list.addEventListener("click", (event) => this.#clicked(event));
    this.search = new Search({ changed: (filter) => this.rows.filter(filter), deeper: tools.deeper });
  }

  /** @returns {number} records since the pause began */
  get fresh() {
    return this.#stream.received - this.#receivedAtPause;
  }

  /** @param {string} topic that begins: of a former one nothing stays, of the same one the filter */
  begin(topic) {
    this.openGaps = this.loaded = 0;
    this.#entries.forget();
    this.#detail.close();
    this.rows.clear();
    this.rows.hold(false);
    if (topic !== this.#tools.subscription().topic) this.search.read();
  }

  /** @param {import("../live/stream.js").Arrived[]} arrived */
  arrived(arrived) {
    const { topic, stream } = this.#tools.subscription();
    this.rows.add(arrived.map(({ partition, record }) => this.#entries.of(topic, stream.epoch, partition, record)));
  }

  /** @param {import("../live/stream.js").MissingRange[]} missing */
  missed(missing) {
    const { topic, stream } = this.#tools.subscription();
    this.openGaps += missing.length;
    this.rows.add(missing.map((range) => ({ kind: "gap", topic, epoch: stream.epoch, range, note: "", loading: false })));
  }

  /** @param {string} text */
  note(text) {
    this.rows.add([{ kind: "note", text: `${clock(Date.now()).slice(0, 8)} ${text}` }]);
  }

  /** Holds the view, or lets it go on. */
  pause() {
    this.#receivedAtPause = this.#stream.received;
    this.rows.hold(!this.rows.held);
    this.#tools.changed();
  }

  /** @param {1 | -1} step down or up */
  move(step) {
    const entry = this.rows.move(step);
    if (entry?.kind === "record" && this.#detail.entry) this.#detail.show(entry);
  }

  /** Opens what is selected: the detail of a record, the records of a gap. */
  open() {
    const entry = this.rows.selected;
    if (entry?.kind === "record") this.#detail.show(entry);
    if (entry?.kind === "gap") void this.#load(entry);
  }

  /** @returns {boolean} whether a detail was open */
  close() {
    if (!this.#detail.entry) return false;
    this.#detail.close();
    return true;
  }

  get #stream() {
    return this.#tools.subscription().stream;
  }

  /** @param {GapEntry} gap */
  async #load(gap) {
    if (gap.loading) return;
    const entryOf = (/** @type {GapEntry} */ { topic, epoch, range }, /** @type {KafkaRecord} */ record) =>
      this.#entries.of(topic, epoch, range.partition, record);
    const { loaded, isDone } = await loadGap(gap, { api: this.#tools.api, rows: this.rows, entryOf });
    if (gap.topic !== this.#tools.subscription().topic) return;
    this.loaded += loaded;
    if (isDone) this.openGaps -= 1;
    this.#tools.changed();
  }

  /** @param {RecordEntry} entry */
  async #whole(entry) {
    if (entry.epoch !== this.#stream.epoch) {
      throw new LoadError("It belongs to an earlier life of the topic and is not in Kafka any more.");
    }
    return this.#tools.api.whole(entry.topic, entry.partition, entry.record.offset);
  }

  /** @param {MouseEvent} event */
  #clicked(event) {
    if (!(event.target instanceof Element) || event.target.closest("a, button")) return;
    const entry = this.rows.entryAt(event.target);
    if (entry?.kind !== "record") return;
    this.rows.select(entry);
    this.#detail.show(entry);
  }
}
