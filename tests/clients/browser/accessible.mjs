// Everybody can use the pages: by keyboard, with a screen reader, in either theme, on a narrow screen.

import assert from "node:assert/strict";

import { axePath, open } from "./browser.mjs";
import { PAGES } from "./pages.mjs";
import { scripted } from "./ways.mjs";

/** Narrowest screen that is promised, in CSS pixels. */
const NARROW = 360;
const LOOKS = [["light", 1280], ["dark", 1280], ["light", NARROW]];

async function loaded(visit, address, status = 200) {
  if (status >= 400) visit.allow(new RegExp(`status of ${status}`));
  await open(visit.page, address, status);
}

/** axe-core's verdict as lines of text. */
async function violations(page) {
  const { violations } = await page.evaluate(() => window.axe.run(document, { resultTypes: ["violations"] }));
  const told = (one) => one.nodes.map((node) => `${one.id}: ${node.target} ${node.failureSummary.split("\n").slice(1).join(" ")}`);
  return violations.flatMap(told);
}

/** What axe-core says against these pages, in every look; whoever is signed in sees them as they are for them. */
export async function findings(visit, pages) {
  // By the debugger, not by a script element: the pages' policy stays in force.
  await visit.context.addInitScript({ path: axePath });
  const found = [];
  for (const [name, address, status] of pages) {
    await loaded(visit, address, status);
    for (const [colorScheme, width] of LOOKS) {
      await visit.page.setViewportSize({ width, height: 800 });
      // Colours on their way from one theme to the other are nobody's.
      await visit.page.emulateMedia({ colorScheme, reducedMotion: "reduce" });
      // The page answers to its new width with the next frame.
      await visit.page.evaluate(() => new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done))));
      const lines = await violations(visit.page);
      found.push(...lines.map((line) => `${name}, ${colorScheme}, ${width} px: ${line}`));
    }
  }
  return found;
}

async function axe_finds_nothing(visit) {
  assert.deepEqual(await findings(visit, PAGES), []);
}

/** Those of the pages that are wider than a narrow screen. */
export async function tooWide(visit, pages) {
  await visit.page.setViewportSize({ width: NARROW, height: 640 });
  const wide = [];
  for (const [name, address, status] of pages) {
    await loaded(visit, address, status);
    const width = await visit.page.evaluate(() => document.documentElement.scrollWidth);
    if (width > NARROW) wide.push(`${name}: ${width} px`);
  }
  return wide;
}

async function nothing_is_wider_than_a_narrow_screen(visit) {
  assert.deepEqual(await tooWide(visit, PAGES), []);
}

/** What has the focus: its text, whether a person sees that it has it, and whether it is in sight. */
const focused = (page) =>
  page.evaluate(() => {
    const one = document.activeElement;
    const style = getComputedStyle(one);
    const box = one.getBoundingClientRect();
    return {
      text: (one.innerText || one.getAttribute("aria-label") || one.name || "").trim(),
      tag: one.outerHTML.slice(0, 120),
      facet: one.closest("aside") !== null && one.tagName === "A",
      outlined: style.outlineStyle !== "none" && parseFloat(style.outlineWidth) >= 2,
      inside: box.width > 0 && box.bottom > 0 && box.top < innerHeight && box.right > 0 && box.left < innerWidth,
    };
  });

async function the_first_stop_skips_to_the_content({ page }) {
  for (const address of ["/models", "/alice/zoo-bert", "/setup"]) {
    await open(page, address);
    await page.keyboard.press("Tab");
    const first = await focused(page);
    assert.equal(first.text, "Skip to the content", address);
    assert.ok(first.inside && first.outlined, "the link shows itself when it has the focus");
    await page.keyboard.press("Enter");
    await page.waitForURL(/#main$/);
    await page.keyboard.press("Tab");
    assert.ok(await page.evaluate(() => document.querySelector("main").contains(document.activeElement)), address);
  }
}

async function a_facet_is_chosen_by_keyboard_alone({ page }) {
  await open(page, "/models");
  for (let stops = 0; stops < 60; stops += 1) {
    await page.keyboard.press("Tab");
    const now = await focused(page);
    assert.ok(now.outlined && now.inside, `the focus on ${now.tag} is not to be seen`);
    if (now.facet) break;
  }
  const facet = await focused(page);
  assert.ok(facet.facet, "no facet is reached in sixty stops");
  const [label, count] = facet.text.split("\n");
  await page.keyboard.press("Enter");
  await page.waitForURL(/q=/);
  await page.getByRole("list", { name: "What narrows the list" }).getByRole("link").waitFor();
  const chosen = page.getByRole("complementary", { name: "Filters" }).locator("[aria-current]");
  assert.equal(await chosen.getByText(label).count(), 1, `${label} (${count}) is not marked as chosen`);
}

async function every_stop_of_a_page_shows_the_focus({ page }) {
  for (const address of ["/", "/alice/zoo-bert", "/alice/zoo-bert/blob/main/train.py", "/compare?id=alice/zoo-bert"]) {
    await open(page, address);
    const seen = new Set();
    for (let stops = 0; stops < 80; stops += 1) {
      await page.keyboard.press("Tab");
      const now = await focused(page);
      if (now.tag.startsWith("<body")) break;
      assert.ok(now.outlined && now.inside, `${address}: the focus on ${now.tag} is not to be seen`);
      seen.add(now.text);
    }
    assert.ok(seen.size > 8, `${address}: only ${[...seen]}`);
  }
}

async function suggestions_are_taken_by_keyboard({ page }) {
  await open(page, "/models");
  const field = page.getByLabel("Search models");
  await field.pressSequentially("task:fill");
  const option = page.getByRole("option").first();
  await option.waitFor();
  await page.keyboard.press("ArrowDown");
  assert.equal(await option.getAttribute("aria-selected"), "true");
  assert.equal(await field.getAttribute("aria-activedescendant"), await option.getAttribute("id"));
  await page.keyboard.press("Enter");
  assert.match(await field.inputValue(), /task:fill-mask/);
  await page.keyboard.press("Enter");
  await page.waitForURL(/q=task/);
  await page.getByRole("link", { name: "alice/zoo-bert" }).waitFor();
}

export const flows = [
  axe_finds_nothing,
  nothing_is_wider_than_a_narrow_screen,
  the_first_stop_skips_to_the_content,
  a_facet_is_chosen_by_keyboard_alone,
  every_stop_of_a_page_shows_the_focus,
  suggestions_are_taken_by_keyboard,
].map(scripted);
