// A browser in front of the hub: contexts that notice everything a page does behind the reader's back.

import { createRequire } from "node:module";
import { join } from "node:path";

// The pinned packages lie where `cargo xtask setup` put them, not beside this file.
const require = createRequire(join(process.env.STEELYARD_JAVASCRIPT, "here.js"));
const { chromium } = require("playwright-core");
export const axePath = require.resolve("axe-core/axe.min.js");
export const hubClient = require("@huggingface/hub");

export const HUB = process.env.HF_ENDPOINT;
const PATIENCE_MS = 15_000;

export const launch = () =>
  chromium.launch({ executablePath: process.env.STEELYARD_CHROMIUM, args: ["--disable-dev-shm-usage"] });

/**
 * One reader with a page. `options` are Playwright's for a context (`javaScriptEnabled`, `viewport`, `colorScheme`, ...).
 *
 * `faults` gathers what must never happen on any page: errors in the console (a violated policy is one), uncaught errors,
 * dialogs, and requests to anybody but the hub, which are not let through. `allow` takes a pattern of faults that a flow
 * means to cause. `close` fails if a fault is left.
 */
export async function visit(browser, options = {}) {
  const context = await browser.newContext({ baseURL: HUB, ...options });
  context.setDefaultTimeout(PATIENCE_MS);
  const faults = [];
  const requests = [];
  const allowed = [];
  await context.route(
    (address) => address.origin !== HUB && address.protocol.startsWith("http"),
    (route) => {
      faults.push(`request to elsewhere: ${route.request().resourceType()} ${route.request().url()}`);
      return route.abort();
    },
  );
  const watch = (page) => {
    page.on("console", (message) => {
      if (message.type() === "error") faults.push(`console: ${message.text()}`);
    });
    page.on("pageerror", (error) => faults.push(`error: ${error.message}`));
    page.on("request", (request) => requests.push(request));
    page.on("dialog", (dialog) => {
      faults.push(`dialog: ${dialog.message()}`);
      // It may be gone by now, with the page that showed it.
      return dialog.dismiss().catch(() => {});
    });
  };
  context.on("page", watch);
  const page = await context.newPage();
  return {
    page,
    context,
    requests,
    script: options.javaScriptEnabled !== false,
    allow: (pattern) => allowed.push(pattern),
    faults: () => faults.filter((fault) => !allowed.some((pattern) => pattern.test(fault))),
    async close() {
      await context.close();
      const left = this.faults();
      if (left.length) throw new Error(`the page did what it must not:\n  ${left.join("\n  ")}`);
    },
  };
}

/** Opens an address of the hub; the status must be this. */
export async function open(page, address, status = 200) {
  const answer = await page.goto(address);
  if (answer.status() !== status) throw new Error(`${address}: ${answer.status()}, not ${status}`);
  return answer;
}
