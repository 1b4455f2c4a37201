// Pictures of the main pages, and of some that only who is signed in sees: each at three widths, light and dark.
//
// Usage: node screenshots.mjs FOLDER KEPT|- ; the pictures that README and docs show are also written into the folder KEPT.

import { copyFile, mkdir } from "node:fs/promises";
import { join } from "node:path";

import { HUB, launch, open, visit } from "./browser.mjs";
import { setPassword, signIn } from "./people.mjs";

const [folder, kept] = process.argv.slice(2);
const SIZES = [[390, 1200], [1280, 1400], [1920, 1200]];
const THEMES = ["light", "dark"];
const MINILM = "/sentence-transformers/all-MiniLM-L6-v2";

/** Pictures that are kept, under the names by which pages of the documentation know them. */
const KEPT = {
  "model-1280-light": "model.png",
  "models-1920-dark": "models-dark.png",
  "search-1280-light": "search.png",
  "compare-1280-light": "compare.png",
  "tensors-1280-dark": "tensors-dark.png",
  "model-390-light": "model-narrow.png",
  "card-1280-light": "card.png",
  "jobs-1280-light": "jobs.png",
};

/** Pages of somebody who may change everything. */
const INSIDE = {
  card: `${MINILM}/edit/main/README.md`,
  upload: `${MINILM}/upload/main`,
  settings: `${MINILM}/settings`,
  tokens: "/settings/tokens",
  admin: "/admin",
  jobs: "/admin/jobs",
};

const ids = async (query) => {
  const answer = await fetch(`${HUB}${query}`);
  if (!answer.ok) throw new Error(`${query}: ${answer.status}`);
  const found = await answer.json();
  return (found.hits ?? found).map((repo) => repo.id);
};

/** The twelve pages that everybody sees; which repositories of the catalogue they show depends on what it holds. */
async function pages() {
  // Models that report the same result, so that there is something to compare.
  const measured = await ids("/api/search?type=model&q=eval:mmlu.acc%3E0+params:%3E1B&limit=3");
  const [dataset] = await ids("/api/datasets?sort=downloads&limit=1");
  return {
    home: "/",
    models: "/models?q=task:text-generation+params:%3C20B",
    search: "/search?q=lang:en+license:apache-2.0+size:%3C40GB+chat",
    model: MINILM,
    derived: `/${measured[0]}`,
    dataset: `/datasets/${dataset}`,
    files: `${MINILM}/tree/main`,
    tensors: `${MINILM}/blob/main/model.safetensors`,
    commit: `${MINILM}/commit/main`,
    report: `${MINILM}/report`,
    compare: `/compare?${measured.map((id) => `id=${id}`).join("&")}`,
    profile: `/${measured[0].split("/")[0]}`,
  };
}

async function take(page, name, address, colorScheme) {
  for (const [width, height] of SIZES) {
    await page.setViewportSize({ width, height });
    await open(page, address);
    const picture = `${name}-${width}-${colorScheme}`;
    const path = join(folder, `${picture}.png`);
    await page.screenshot({ path });
    if (kept !== "-" && KEPT[picture]) await copyFile(path, join(kept, KEPT[picture]));
  }
}

await mkdir(folder, { recursive: true });
const browser = await launch();
const outside = await pages();
for (const colorScheme of THEMES) {
  const reader = await visit(browser, { colorScheme });
  for (const [name, address] of Object.entries(outside)) await take(reader.page, name, address, colorScheme);
  if (colorScheme === THEMES[0]) await setPassword(reader.page, process.env.STEELYARD_CODE);
  await signIn(reader.page, "operator");
  for (const [name, address] of Object.entries(INSIDE)) await take(reader.page, name, address, colorScheme);
  // Cards may show pictures from elsewhere, which are not fetched here.
  reader.allow(/elsewhere: image|ERR_FAILED/);
  await reader.close();
  console.log(`${colorScheme}: ${Object.keys({ ...outside, ...INSIDE }).join(", ")}`);
}
await browser.close();
