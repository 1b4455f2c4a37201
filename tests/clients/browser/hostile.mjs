// What users upload runs nowhere: not on the hub's pages, and not where the files themselves are given out.

import assert from "node:assert/strict";

import { HUB, open } from "./browser.mjs";
import { HARMLESS, HOSTILE } from "./vectors.mjs";
import { scripted } from "./ways.mjs";

const REPO = "/alice/hostile";

/** The pages on which something of the repository stands. */
const PAGES = [
  REPO,
  `${REPO}/report`,
  `${REPO}/tree/main`,
  `${REPO}/commits/main`,
  "/models?q=hostile",
  "/search?q=hostile",
  "/alice",
  "/compare?id=alice/hostile",
  `/search?q=${encodeURIComponent('"><script>window.pwned=1</script>')}`,
  `/compare?id=${encodeURIComponent("<script>window.pwned=1</script>")}`,
  ...Object.keys(HOSTILE).map((path) => `${REPO}/blob/main/${encodeURIComponent(path)}`),
];

/** Gives every trap its chance: what is there is scrolled to, pointed at, opened and given the focus. */
async function stumble(page) {
  await page.evaluate(async () => {
    const frame = () => new Promise((resolve) => setTimeout(resolve, 5));
    for (const one of document.querySelectorAll("main details")) one.open = true;
    for (const one of document.querySelectorAll("main *")) {
      for (const kind of ["mouseover", "mouseenter", "focus", "toggle", "load", "error"]) {
        one.dispatchEvent(new Event(kind, { bubbles: false }));
      }
    }
    scrollTo(0, document.body.scrollHeight);
    await frame();
  });
}

/** Whatever could run is not there, whether it would have run here or not. */
const findDanger = () => {
  const found = [];
  const texts = document.querySelectorAll(".prose, .output, main");
  for (const place of texts) {
    for (const one of place.querySelectorAll("script, iframe, object, embed, style, link, meta, base, template, noscript")) {
      found.push(one.outerHTML);
    }
  }
  for (const one of document.querySelectorAll(".prose form, .prose button:not(.copy), .prose input:not([disabled])")) found.push(one.outerHTML);
  for (const one of document.querySelectorAll("*")) {
    for (const { name, value } of one.attributes) {
      const scheme = value.replaceAll(/[\s\0-\x1f]/g, "").toLowerCase();
      const runs = /^(javascript|vbscript):/.test(scheme) || /^data:(?!image\/(png|jpeg|gif|webp))/.test(scheme);
      const leads = ["href", "src", "action", "formaction", "poster", "srcset", "xlink:href"].includes(name);
      if (name.startsWith("on") || name === "style" || name === "srcdoc" || (leads && runs)) found.push(`${one.tagName} ${name}=${value}`);
    }
  }
  return { found, pwned: window.pwned };
};

async function no_page_runs_what_users_wrote({ page, allow }) {
  // The pictures that the vectors name do not exist.
  allow(/status of 40[04]/);
  let seen = 0;
  for (const address of PAGES) {
    const answer = await page.goto(address);
    if (!address.startsWith("/search?q=%22")) assert.equal(answer.status(), 200, address);
    await stumble(page);
    const { found, pwned } = await page.evaluate(findDanger);
    assert.equal(pwned, undefined, `${address}: a script ran`);
    assert.deepEqual(found, [], address);
    assert.ok(new URL(page.url()).pathname.length > 1, `${address} led away`);
    seen += (await page.getByText("alert(1)").count()) > 0;
  }
  assert.ok(seen >= 4, "the vectors must be shown as the text that they are");
}

async function links_of_a_card_lead_nowhere_dangerous({ page, context, allow }) {
  allow(/status of 40[04]/);
  await open(page, REPO);
  const card = page.getByRole("article");
  await card.getByText(HARMLESS).waitFor();
  // Not by their role: a link whose address was taken away has none, but would still run what hangs on it.
  const links = card.locator("a");
  const count = await links.count();
  assert.ok(count > 4, "there are links");
  for (let number = 0; number < count; number += 1) {
    await open(page, REPO);
    await links.nth(number).evaluate((link) => link.click());
    // A link may lead to another page of the hub, or to one that is not there.
    await page.waitForTimeout(50);
    await page.waitForFunction(() => document.readyState === "complete");
    assert.equal(await page.evaluate(() => window.pwned), undefined);
    assert.equal(new URL(page.url()).origin, HUB);
    assert.equal(context.pages().length, 1);
  }
}

/** Opened by their own addresses, as a link in a mail would. */
async function the_files_themselves_run_nothing({ page, allow, context }) {
  // The policy that they are sent with refuses what is in them, and Chromium says so.
  allow(/^console: /);
  const bystander = await context.newPage();
  await open(bystander, "/");
  for (const path of ["evil.svg", "evil.html", "evil.xml", "evil.js"]) {
    for (const verb of ["resolve", "raw"]) {
      const address = `${REPO}/${verb}/main/${path}`;
      // What is given out as an attachment is saved, and the page stays where it was.
      await page.goto(address).catch((error) => assert.match(error.message, /Download is starting|ERR_ABORTED/));
      const state = await page.evaluate(() => ({ pwned: window.pwned, scripts: document.scripts.length, origin: self.origin }));
      assert.equal(state.pwned, undefined, `${address}: a script ran`);
      await page.goto("about:blank");
    }
  }
}

/** A frame, a script or a style of another site finds nothing to work with. */
async function others_cannot_put_the_hub_into_a_frame({ page, allow }) {
  allow(/frame|console/i);
  await page.setContent(`<iframe src="${HUB}/alice/zoo-bert"></iframe>`);
  await page.waitForTimeout(300);
  const frame = page.frames()[1];
  assert.ok(!frame || !(await frame.content()).includes("zoo-bert"), "the hub was shown in a frame");
}

export const flows = [
  no_page_runs_what_users_wrote,
  links_of_a_card_lead_nowhere_dangerous,
  the_files_themselves_run_nothing,
  others_cannot_put_the_hub_into_a_frame,
].map(scripted);
