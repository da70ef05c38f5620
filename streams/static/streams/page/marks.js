// Marks what has changed on a page for a moment, as long as that is not too much to look at.

// With more changed places than this at once none is marked: it would only flicker.
const MARKED_AT_ONCE = 40;
// How long a mark stays, and how long of that it fades.
const MARK_MS = 1_600;
const FADE_MS = 200;

const calm = matchMedia("(prefers-reduced-motion: reduce)");

/** @param {Iterable<HTMLElement>} places that say something else now */
export function markChanged(places) {
  const changed = [...places];
  if (changed.length > MARKED_AT_ONCE || document.hidden) return;
  const tint = "var(--tint)";
  const faded = calm.matches ? tint : "transparent";
  for (const place of changed) {
    place.animate(
      [{ backgroundColor: tint }, { backgroundColor: tint, offset: 1 - FADE_MS / MARK_MS }, { backgroundColor: faded }],
      MARK_MS,
    );
  }
}
