// The tests whose files change nothing that others see, in one process: to start Node and to load the same modules for
// each file took two thirds of the time. A file that changes what all of a process see has one for itself, and says so
// in its name: *.alone.test.js.
import { readdirSync, readFileSync } from "node:fs";

const here = new URL("./", import.meta.url);
for (const name of readdirSync(here).filter((each) => each.endsWith(".test.js") && !each.endsWith(".alone.test.js"))) {
  if (/globalThis|process\.env|\.mock\b/.test(readFileSync(new URL(name, here), "utf8"))) {
    throw new Error(`${name} changes what others see: call it ${name.replace(/\.test\.js$/, ".alone.test.js")}`);
  }
  await import(new URL(name, here).href);
}
