// A canvas that is as sharp as the screen. Its size is measured when it changes, not when it is drawn: asking the page for
// a size makes it lay everything out. Whoever wants to know of a change hears of it when all sizes are known.

/** @type {WeakMap<Element, { width: number, height: number }>} */
const sizes = new WeakMap();
/** @type {WeakMap<Element, () => void>} */
const listeners = new WeakMap();
const observer = new ResizeObserver((entries) => {
  for (const { target, contentRect } of entries) {
    if (sizes.has(target)) sizes.set(target, { width: contentRect.width, height: contentRect.height });
  }
  for (const { target } of entries) listeners.get(target)?.();
});

/**
 * @param {Element} element
 * @param {() => void} listener called when its size has changed, and at first
 * @returns {() => void} ends that
 */
export function whenResized(element, listener) {
  listeners.set(element, listener);
  observer.observe(element);
  return () => {
    listeners.delete(element);
    observer.unobserve(element);
  };
}

/** @param {HTMLCanvasElement} canvas */
function sizeOf(canvas) {
  const known = sizes.get(canvas);
  if (known) return known;
  const size = { width: canvas.clientWidth, height: canvas.clientHeight };
  sizes.set(canvas, size);
  observer.observe(canvas);
  return size;
}

/**
 * @param {HTMLCanvasElement} canvas sized by CSS
 * @returns {{ pen: CanvasRenderingContext2D, width: number, height: number } | null} emptied; null while it has no size
 */
export function sharp(canvas) {
  const { width, height } = sizeOf(canvas);
  const pen = canvas.getContext("2d");
  if (!pen || width === 0 || height === 0) return null;
  const ratio = devicePixelRatio || 1;
  const [pixels, lines] = [Math.round(width * ratio), Math.round(height * ratio)];
  if (canvas.width !== pixels) canvas.width = pixels;
  if (canvas.height !== lines) canvas.height = lines;
  pen.setTransform(ratio, 0, 0, ratio, 0, 0);
  pen.clearRect(0, 0, width, height);
  return { pen, width, height };
}
