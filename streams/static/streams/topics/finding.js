// Which topics fit what somebody types, and in which order. Pure functions.

/** @typedef {import("../live/protocol.js").Topic} Topic */

// That are offered at a time: more is to be narrowed down by typing, not scrolled through.
export const MOST = 50;

/**
 * @typedef {{ topic: Topic, name: string, label: string }} Findable with what is compared in small letters
 * @typedef {{ heading: string, topics: Topic[] }} Group
 * @typedef {{ groups: Group[], count: number }} Found count: of all that fit, offered or not
 */

/**
 * @param {Topic[]} topics
 * @returns {Findable[]}
 */
export function findable(topics) {
  return topics.map((topic) => ({ topic, name: topic.name.toLowerCase(), label: (topic.label || topic.name).toLowerCase() }));
}

/**
 * Nothing typed: favourites, recent ones, then all by name. Else those in whose name or label every word stands: exact
 * ones, those that begin so, those with a word that begins so, the others; favourites and recent ones first among equals.
 *
 * @param {Findable[]} all
 * @param {string} text
 * @param {ReadonlySet<string>} favourites
 * @param {readonly string[]} recent the last one first
 * @returns {Found}
 */
export function find(all, text, favourites, recent) {
  const words = text.toLowerCase().split(/\s+/).filter(Boolean);
  if (words.length === 0) return everything(all, favourites, recent);
  const typed = words.join(" ");
  /** @param {Findable} each */
  const isLiked = ({ topic }) => Number(!favourites.has(topic.name) && !recent.includes(topic.name));
  const fitting = all
    .filter(({ name, label }) => words.every((word) => name.includes(word) || label.includes(word)))
    .map((each) => ({ each, rank: rank(each, typed), liked: isLiked(each) }))
    .sort((one, other) => one.rank - other.rank || one.liked - other.liked || compare(one.each.name, other.each.name));
  const topics = fitting.slice(0, MOST).map(({ each }) => each.topic);
  return { groups: topics.length > 0 ? [{ heading: "", topics }] : [], count: fitting.length };
}

/**
 * @param {Findable[]} all
 * @param {ReadonlySet<string>} favourites
 * @param {readonly string[]} recent
 * @returns {Found}
 */
function everything(all, favourites, recent) {
  const byName = new Map(all.map(({ topic }) => [topic.name, topic]));
  const liked = [...byName.values()].filter(({ name }) => favourites.has(name));
  const lately = recent.flatMap((name) => (favourites.has(name) ? [] : (byName.get(name) ?? [])));
  const others = [...byName.values()].filter(({ name }) => !favourites.has(name) && !recent.includes(name));
  let left = MOST;
  const groups = [{ heading: "Favourites", topics: liked }, { heading: "Recent", topics: lately }, { heading: liked.length + lately.length > 0 ? "Others" : "", topics: others }]
    .map(({ heading, topics }) => {
      const offered = topics.slice(0, left);
      left -= offered.length;
      return { heading, topics: offered };
    })
    .filter(({ topics }) => topics.length > 0);
  return { groups, count: all.length };
}

/**
 * @param {Findable} each
 * @param {string} typed
 */
function rank({ name, label }, typed) {
  if (name === typed || label === typed) return 0;
  if (name.startsWith(typed) || label.startsWith(typed)) return 1;
  const begins = (/** @type {string} */ text) => text.split(/[\s._-]+/).some((word) => word.startsWith(typed));
  return begins(name) || begins(label) ? 2 : 3;
}

/**
 * @param {string} one
 * @param {string} other
 */
function compare(one, other) {
  return one < other ? -1 : Number(one > other);
}
