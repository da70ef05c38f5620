// Brings what a gap left out: page by page from the records API, put in the gap's place.

import { LoadError } from "../live/records_api.js";
import { counted, grouped } from "../page/format.js";

/**
 * @typedef {import("./row.js").Entry} Entry
 * @typedef {import("./row.js").GapEntry} GapEntry
 * @typedef {import("../live/protocol.js").KafkaRecord} KafkaRecord
 *
 * @typedef {object} GapTools
 * @property {import("../live/records_api.js").RecordsApi} api
 * @property {import("./rows.js").Rows} rows
 * @property {(gap: GapEntry, record: KafkaRecord) => Entry} entryOf
 */

const EARLIER_LIFE = "It belongs to an earlier life of the topic and is not in Kafka any more.";

/**
 * Loads one page, at most 500 records; the gap shrinks by it or turns into a note that it was loaded.
 *
 * @param {GapEntry} gap
 * @param {GapTools} tools
 * @returns {Promise<{ loaded: number, isDone: boolean }>}
 */
export async function loadGap(gap, { api, rows, entryOf }) {
  gap.loading = true;
  gap.note = "";
  rows.refresh(gap);
  try {
    const page = await api.page(gap.topic, gap.range);
    if (page.epoch !== gap.epoch) throw new LoadError(EARLIER_LIFE);
    const isDone = page.next === null;
    /** @type {Entry[]} */
    const entries = page.records.map((record) => entryOf(gap, record));
    if (isDone) entries.push({ kind: "note", text: loadedText(gap, page.records.length) });
    else gap.range.from = page.next ?? gap.range.to;
    gap.loading = false;
    rows.fill(gap, entries, isDone);
    rows.refresh(gap);
    return { loaded: page.records.length, isDone };
  } catch (error) {
    if (!(error instanceof LoadError)) throw error;
    gap.note = error.message;
    if (error.next !== null && error.next < gap.range.to) {
      gap.note = `The offsets before ${grouped(error.next)} are not kept any more.`;
      gap.range.from = Math.max(gap.range.from, error.next);
    }
    return { loaded: 0, isDone: false };
  } finally {
    gap.loading = false;
    rows.refresh(gap);
  }
}

/**
 * @param {GapEntry} gap
 * @param {number} count
 */
function loadedText({ range }, count) {
  const offsets = `offsets ${grouped(range.from)}–${grouped(range.to - 1)}`;
  return `gap loaded: partition ${range.partition}, ${offsets}: ${counted(count, "record")}`;
}
