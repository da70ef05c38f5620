import assert from "node:assert/strict";
import { test } from "node:test";

import { tokenValue } from "../../../streams/static/streams/page/tokens.js";

test("a token is asked for once a theme, and anew in the next one", () => {
  const page = new EventTarget();
  let [theme, asked] = ["light", 0];
  Object.assign(globalThis, {
    document: { documentElement: {} },
    addEventListener: page.addEventListener.bind(page),
    getComputedStyle: () => ({
      getPropertyValue: (/** @type {string} */ token) => {
        asked += 1;
        return ` ${theme} ${token}`;
      },
    }),
  });
  for (let time = 0; time < 3; time += 1) assert.equal(tokenValue("--accent"), "light --accent");
  assert.equal(tokenValue("--border"), "light --border");
  assert.equal(asked, 2);
  const drawn = /** @type {string[]} */ ([]);
  page.addEventListener("themechange", () => drawn.push(tokenValue("--accent")));
  theme = "dark";
  page.dispatchEvent(new Event("themechange"));
  assert.deepEqual(drawn, ["dark --accent"]);
  assert.equal(tokenValue("--border"), "dark --border");
});
