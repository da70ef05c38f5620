// What every page can do besides showing itself: change the theme, close its menus, follow `g i` and `g l`.

const STORED = "streamboard.theme";
// How long after `g` the second key still counts.
const SEQUENCE_MS = 1_500;

const root = document.documentElement;
const systemDark = matchMedia("(prefers-color-scheme: dark)");

/** @returns {"light" | "dark"} the theme the page shows now */
function shownTheme() {
  const chosen = root.dataset.theme;
  if (chosen === "light" || chosen === "dark") return chosen;
  return systemDark.matches ? "dark" : "light";
}

/** Shows the other theme. Where that is the system's own, the choice is forgotten and the system followed again. */
function changeTheme() {
  const next = shownTheme() === "dark" ? "light" : "dark";
  const system = systemDark.matches ? "dark" : "light";
  root.classList.add("theme-changing");
  if (next === system) delete root.dataset.theme;
  else root.dataset.theme = next;
  try {
    if (next === system) localStorage.removeItem(STORED);
    else localStorage.setItem(STORED, next);
  } catch {
    // Storage may be forbidden: the choice then lasts as long as the page.
  }
  requestAnimationFrame(() => root.classList.remove("theme-changing"));
  tellOfTheme();
}

/** Has those draw anew who draw with the theme's colours. */
function tellOfTheme() {
  document.dispatchEvent(new CustomEvent("themechange"));
}

systemDark.addEventListener("change", tellOfTheme);

/**
 * @param {EventTarget | null} target
 * @returns {boolean} whether keys typed there are text
 */
function takesText(target) {
  return target instanceof HTMLElement && (target.isContentEditable || target.matches("input, textarea, select"));
}

/** @param {Node | null} target closes every menu that does not contain it */
function closeMenus(target) {
  for (const menu of document.querySelectorAll("details[data-menu][open]")) {
    if (!target || !menu.contains(target)) menu.removeAttribute("open");
  }
}

const themeSwitch = document.querySelector("[data-theme-switch]");
if (themeSwitch instanceof HTMLElement) {
  themeSwitch.hidden = false;
  themeSwitch.addEventListener("click", changeTheme);
}

let goPressedAt = -Infinity;

document.addEventListener("keydown", (event) => {
  if (event.key === "Escape") {
    const open = document.querySelector("details[data-menu][open] > summary");
    closeMenus(null);
    if (open instanceof HTMLElement) {
      event.preventDefault(); // what lies behind the menu stays open
      open.focus();
    }
    return;
  }
  if (event.defaultPrevented || event.ctrlKey || event.metaKey || event.altKey || takesText(event.target)) return;
  if (document.querySelector("dialog[open]")) return;
  if (event.timeStamp - goPressedAt < SEQUENCE_MS) {
    goPressedAt = -Infinity;
    const link = document.querySelector(`a[data-go="${CSS.escape(event.key)}"]`);
    if (link instanceof HTMLElement) {
      event.preventDefault();
      link.click();
      return;
    }
  }
  if (event.key === "g") goPressedAt = event.timeStamp;
  if (event.key === "t") changeTheme();
});

document.addEventListener("click", (event) => closeMenus(event.target instanceof Node ? event.target : null));
