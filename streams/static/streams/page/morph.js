// Makes one piece of the page equal to another, newer one, by changing as little as possible: what is the same stays the
// same node, so focus, selection and what is open stay where they are. Children with `data-item` or `rel` are told apart
// by it, others by their kind and place. What has `data-keep` belongs to a script, and stays as it is.

/**
 * @param {Element} old in the page
 * @param {Element} wanted never in the page; its nodes may be taken over
 */
export function morph(old, wanted) {
  if (old.hasAttribute("data-keep")) return;
  for (const { name } of [...old.attributes]) if (!wanted.hasAttribute(name)) old.removeAttribute(name);
  for (const { name, value } of wanted.attributes) if (old.getAttribute(name) !== value) old.setAttribute(name, value);
  const rest = [...old.childNodes];
  const keyed = new Map(rest.map((node) => [keyOf(node), node]));
  const children = [...wanted.childNodes].map((node) => {
    const key = keyOf(node);
    const former = key ? keyed.get(key) : rest.find((each) => !keyOf(each) && each.nodeName === node.nodeName);
    if (!key && former) rest.splice(rest.indexOf(former), 1);
    return former ? morphed(former, node) : node;
  });
  arrange(old, children);
}

/** @param {Node} node */
function keyOf(node) {
  return node instanceof HTMLElement ? (node.dataset["item"] ?? node.getAttribute("rel") ?? "") : "";
}

/**
 * @param {ChildNode} former
 * @param {ChildNode} node
 * @returns {ChildNode} the former one, made equal, where it is of the same kind
 */
function morphed(former, node) {
  if (former instanceof Element && node instanceof Element && former.tagName === node.tagName) {
    morph(former, node);
    return former;
  }
  if (former instanceof Text && node instanceof Text) {
    if (former.data !== node.data) former.data = node.data;
    return former;
  }
  return node;
}

/**
 * Gives `parent` exactly these children in this order. The child with the focus is never moved, because it would lose
 * it; the others move around it.
 *
 * @param {Element} parent
 * @param {ChildNode[]} children
 */
export function arrange(parent, children) {
  const wanted = new Set(children);
  for (const node of [...parent.childNodes]) if (!wanted.has(node)) node.remove();
  const focused = children.find((node) => node.contains(document.activeElement));
  let next = parent.firstChild;
  for (const node of children) {
    while (node === focused && next !== null && next !== node) {
      const misplaced = next;
      next = next.nextSibling;
      parent.append(misplaced);
    }
    if (node === next) next = node.nextSibling;
    else parent.insertBefore(node, next);
  }
}
