// Runs before the first paint, so that a stored choice of theme never flashes. Without a choice CSS follows the system.
(function () {
  try {
    const chosen = localStorage.getItem("streamboard.theme");
    if (chosen === "light" || chosen === "dark") document.documentElement.dataset.theme = chosen;
  } catch {
    // Storage may be forbidden: then the system's theme it is.
  }
})();
