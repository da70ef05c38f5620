// What of a record can be copied, as it stands in Kafka, and where it is found again.

import { wholeOf } from "./export_rows.js";
import { Source } from "../live/json.js";

/**
 * @typedef {import("./entries.js").RecordEntry} RecordEntry
 * @typedef {import("../live/protocol.js").KafkaRecord} KafkaRecord
 */

/**
 * @param {KafkaRecord} record whole
 * @returns {string} the value as it stands in Kafka
 */
export function valueText(record) {
  return record.value instanceof Source ? record.value.text : (record.value ?? "");
}

/**
 * @param {RecordEntry} entry
 * @param {KafkaRecord} record the entry's, whole
 * @returns {string} one line of JSON, as an export has it
 */
export function recordText(entry, record) {
  const { raw: _, key_raw: __, ...said } = record;
  return wholeOf({ ...entry, record: said });
}

/**
 * @param {string} root an address, ending with a slash
 * @param {{ topic: string, partition: number, record: { offset: number } }} entry
 * @returns {string} the record's page
 */
export function pageAddress(root, { topic, partition, record }) {
  return new URL(`${root}${encodeURIComponent(topic)}/${partition}/${record.offset}`, location.href).href;
}

/**
 * @param {string} root address of the topics API, ending with a slash
 * @param {{ topic: string, partition: number, record: { offset: number } }} entry
 * @returns {string} a command that prints the record; $TOKEN holds an API token
 */
export function curlCommand(root, { topic, partition, record }) {
  const address = new URL(`${root}${encodeURIComponent(topic)}/records/${partition}/${record.offset}`, location.href).href;
  return `curl -H "Authorization: Bearer $TOKEN" '${address.replaceAll("'", "%27")}'`;
}

/**
 * @param {string} text
 * @returns {Promise<boolean>} whether it is in the clipboard now
 */
export async function copyText(text) {
  try {
    await navigator.clipboard.writeText(text);
    return true;
  } catch {
    // No clipboard without HTTPS: the old way works there.
    const field = document.createElement("textarea");
    field.value = text;
    document.body.append(field);
    field.select();
    const copied = document.execCommand("copy");
    field.remove();
    return copied;
  }
}
