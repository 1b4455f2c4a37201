// What a person does in a browser, done by Chromium against a running hub.
//
// Usage: node suite.mjs GROUP[.FLOW] ...; the environment (HF_ENDPOINT, HF_TOKEN, STEELYARD_*) is set by
// `Client::browser` in tests/src/client.rs, the hub is started by tests/tests/browser.rs.
//
// How to add a flow
// -----------------
// 1. A flow is an async function in the file of its group (`reading.mjs`, `hostile.mjs`, ...): it gets a reader as
//    `browser.mjs` makes one, and throws when something is not as it should be. Put it into the `flows` of that file:
//    `both(flow)` runs it with JavaScript and once more without, `scripted(flow)` only with.
// 2. Act as a person does: `page.getByRole`, `getByLabel`, the keyboard. No CSS classes, no test ids; what cannot be found
//    by role and name cannot be found with a screen reader either. Compare with what `scene.mjs` put there, by hand.
// 3. Faults (errors in the console, broken policy, dialogs, requests to elsewhere) fail a flow by themselves. A flow that
//    means to cause one says `visit.allow(/pattern/)`.
// 4. A flow that needs an account begins with `await signIn(visit.page, name)` (`people.mjs`), which goes through the real
//    login page. A flow that changes something makes its own repository first (`scene.mjs`, `repo` and `commit`).
// 5. A new group is a new file with `flows`, a line in GROUPS below, and a name in tests/tests/browser.rs. A new page is a
//    line in `pages.mjs`, and is then checked for accessibility, for narrow screens and for faults. Pages that need an
//    account are a list of their own there, and a flow that signs in and asks `findings` of `accessible.mjs` about it.

import { launch, visit } from "./browser.mjs";
import * as scene from "./scene.mjs";

const GROUPS = ["reading", "hostile", "accessible", "accounts", "applications", "administering", "changing", "newcomer"];

/** Every flow that is asked for, once for each way it is to be run. */
async function wanted(words) {
  const found = [];
  for (const group of GROUPS) {
    const { flows } = await import(`./${group}.mjs`);
    for (const { flow, ways } of flows) {
      for (const [way, options] of ways) {
        const name = `${group}.${flow.name}`;
        if (words.some((word) => word === group || word === name)) found.push({ name: `${name} ${way}`, flow, options });
      }
    }
  }
  if (!found.length) throw new Error(`nothing is called ${words.join(" ")}`);
  return found;
}

async function main() {
  const all = await wanted(process.argv.slice(2));
  await scene.publish();
  const browser = await launch();
  const failed = [];
  for (const { name, flow, options } of all) {
    const start = performance.now();
    let mark = "ok  ";
    const reader = await visit(browser, options);
    try {
      await flow(reader, browser);
      await reader.close();
    } catch (error) {
      mark = "FAIL";
      failed.push(name);
      console.error(`${name} at ${reader.page.url()}\n${error.stack}\n${reader.faults().join("\n")}`);
      await reader.context.close();
    }
    console.log(`${mark} ${((performance.now() - start) / 1000).toFixed(1).padStart(6)} s  ${name}`);
  }
  await browser.close();
  if (failed.length) throw new Error(`failed: ${failed.join(", ")}`);
  console.log(`${all.length} flows`);
}

await main();
