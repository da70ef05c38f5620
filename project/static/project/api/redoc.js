// Starts ReDoc on the API's description.

const docs = /** @type {HTMLElement} */ (document.getElementById("docs"));
const { Redoc } = /** @type {any} */ (window);

/**
 * The bundle shows its maker's logo from a CDN, without an option to leave it out. Nothing here comes from outside, so
 * that one address is replaced before the browser sees it; React sets it as an attribute and again as a property.
 * @param {unknown} address
 */
function local(address) {
  return String(address).startsWith("https://cdn.redoc.ly/") ? String(docs.dataset.logo) : String(address);
}

const image = HTMLImageElement.prototype;
const { setAttribute } = image;
const source = /** @type {PropertyDescriptor} */ (Object.getOwnPropertyDescriptor(image, "src"));

image.setAttribute = function (name, value) {
  setAttribute.call(this, name, name === "src" ? local(value) : value);
};
Object.defineProperty(image, "src", {
  ...source,
  set(value) {
    source.set?.call(this, local(value));
  },
});

Redoc.init(docs.dataset.openapi, {}, docs);
