// How soon a page of the hub is to be seen, by a browser whose cache is empty.
//
// Usage: node paint.mjs RUNS ADDRESS; prints JSON: milliseconds until the largest thing was painted, each run; requests; bytes
// of scripts and styles as they are before compression.

import { launch, open, visit } from "./browser.mjs";

const [runs, address] = process.argv.slice(2);
// Nothing larger is painted so long after the page is loaded.
const SETTLED_MS = 300;

/** When the largest thing was painted, in milliseconds since the navigation began. */
const largest = (settled) =>
  new Promise((resolve) => {
    let last = 0;
    const observer = new PerformanceObserver((list) => {
      for (const entry of list.getEntries()) last = entry.startTime;
    });
    observer.observe({ type: "largest-contentful-paint", buffered: true });
    setTimeout(() => resolve(last), settled);
  });

async function once(browser) {
  const reader = await visit(browser, { viewport: { width: 1280, height: 900 } });
  const bytes = { script: 0, stylesheet: 0 };
  const reading = [];
  reader.page.on("response", (answer) => {
    const type = answer.request().resourceType();
    if (type in bytes) reading.push(answer.body().then((body) => (bytes[type] += body.length)));
  });
  await open(reader.page, address);
  const ms = await reader.page.evaluate(largest, SETTLED_MS);
  await Promise.all(reading);
  await reader.close();
  if (!ms) throw new Error("the browser did not say when it painted");
  return { ms, requests: reader.requests.length, script_bytes: bytes.script, style_bytes: bytes.stylesheet };
}

const browser = await launch();
// The first page pays for the browser's own start.
await once(browser);
const visits = [];
for (let run = 0; run < Number(runs); run += 1) visits.push(await once(browser));
await browser.close();
console.log(JSON.stringify(visits));
