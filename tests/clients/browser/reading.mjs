// Finding a model and reading what it is, as somebody does who came to look.

import assert from "node:assert/strict";

import { open } from "./browser.mjs";
import { both, scripted } from "./ways.mjs";

const heading = (page, name) => page.getByRole("heading", { name, level: 1 });
/** A link of the tabs under a repository's name. */
const tab = (page, name) => page.getByRole("navigation", { name: "Repository" }).getByRole("link", { name });

/** The names in a table of repositories, in their order. */
async function listed(page) {
  await page.getByRole("table").first().waitFor();
  const rows = await page.getByRole("rowheader").getByRole("link").allInnerTexts();
  return rows.map((row) => row.replaceAll(/\s/g, ""));
}

/** From the front page to a model by what it is, not by its name. */
async function a_query_finds_a_model({ page }) {
  await open(page, "/");
  await page.getByLabel("Search").fill("task:fill-mask license:apache-2.0 okapi");
  await page.keyboard.press("Enter");
  await page.waitForURL(/\/search\?q=/);
  await heading(page, /task:fill-mask license:apache-2.0 okapi/).waitFor();
  await page.getByRole("heading", { name: "In cards" }).waitFor();
  await page.getByRole("link", { name: "alice/zoo-bert" }).first().click();
  await heading(page, "alice/zoo-bert").waitFor();
}

async function a_wrong_query_says_what_is_wrong(visit) {
  visit.allow(/status of 400/);
  const { page } = visit;
  await open(page, "/models?sort=likes");
  const field = page.getByLabel("Search models");
  await field.fill("size:<100elephants");
  await page.keyboard.press("Enter");
  const alert = page.getByRole("alert");
  await alert.getByText("elephants").first().waitFor();
  await alert.getByText("^^^").waitFor();
  assert.equal(await field.inputValue(), "size:<100elephants");
  assert.ok((await listed(page)).length > 0, "the list is still there");
  await field.fill("size:<100MB");
  await page.keyboard.press("Enter");
  await page.getByRole("list", { name: "What narrows the list" }).getByRole("link", { name: "size:<100MB" }).waitFor();
  assert.match(page.url(), /sort=likes/, "the order stays");
  await open(page, "/search?q=license:%22mit", 400);
  await alert.waitFor();
  await page.getByText("Words are looked for").waitFor();
}

/** From a chosen word of a facet to another of the same with one click, and to one that is shown only among all. */
async function a_facet_changes_its_mind({ page }) {
  await open(page, "/models?q=task:fill-mask");
  const filters = page.getByRole("complementary", { name: "Filters" });
  const chips = page.getByRole("list", { name: "What narrows the list" });
  await filters.getByRole("link", { name: /^Text Classification/i }).click();
  await chips.getByRole("link", { name: "task:text-classification" }).waitFor();
  assert.equal(await chips.getByRole("link").count(), 1, "one task takes the place of the other");
  await open(page, "/models?sort=likes");
  await filters.getByText("Trained on", { exact: true }).click();
  const words = filters.getByRole("group").filter({ has: page.getByText("Trained on", { exact: true }) }).last().getByRole("listitem");
  const few = await words.count();
  await filters.getByRole("link", { name: "Show all of Trained on" }).click();
  await filters.getByRole("link", { name: "Show fewer of Trained on" }).waitFor();
  const all = await words.count();
  assert.ok(few === 12 && all > few, `${all} words are not more than ${few}`);
  await page.setViewportSize({ width: 390, height: 800 });
  await page.reload();
  await filters.getByRole("link", { name: "Show fewer of Trained on" }).waitFor();
  await filters.getByRole("link", { name: /^Text Classification/i }).click();
  await chips.getByRole("link", { name: "task:text-classification" }).waitFor();
  await filters.getByRole("link", { name: "1B to 8B" }).click();
  await chips.getByRole("link", { name: "params:1B..8B" }).waitFor();
  await filters.getByRole("link", { name: "Over 70B" }).click();
  await chips.getByRole("link", { name: "params:>70B" }).waitFor();
  assert.equal(await chips.getByRole("link").count(), 2);
}

/** Narrowed by facets, ordered, and turned over page by page. */
async function a_list_is_narrowed_and_turned_over({ page }) {
  await open(page, "/");
  await page.getByRole("navigation", { name: "Main" }).getByRole("link", { name: "Models" }).click();
  await heading(page, /^Models [\d,]+/).waitFor();
  const first = await listed(page);
  assert.equal(first.length, 30);
  await page.getByRole("link", { name: "Next page" }).click();
  await page.waitForURL(/cursor=/);
  const second = await listed(page);
  assert.ok(second.length > 0 && second.every((name) => !first.includes(name)), "the second page repeats the first");
  await page.getByRole("link", { name: "First page" }).click();
  await page.waitForURL((address) => !address.search.includes("cursor="));
  assert.deepEqual(await listed(page), first);

  const filters = page.getByRole("complementary", { name: "Filters" });
  await filters.getByRole("link", { name: /^Fill.Mask/i }).click();
  const chips = page.getByRole("list", { name: "What narrows the list" });
  await chips.getByRole("link", { name: "task:fill-mask" }).waitFor();
  const narrowed = await listed(page);
  assert.ok(narrowed.includes("alice/zoo-bert") && narrowed.includes("alice/zoo-tune"), narrowed.join());
  await filters.getByRole("link", { name: /^mit/ }).click();
  await chips.getByRole("link", { name: "license:mit" }).waitFor();
  assert.ok((await listed(page)).includes("alice/zoo-tune"));
  assert.ok(!(await listed(page)).includes("alice/zoo-bert"));

  await page.getByRole("navigation", { name: "Order" }).getByRole("link", { name: "Created" }).click();
  await page.waitForURL(/sort=createdAt/);
  assert.equal((await listed(page))[0], "alice/zoo-tune", "nothing is newer");
  await chips.getByRole("link", { name: "license:mit" }).click();
  await chips.getByRole("link", { name: "license:mit" }).waitFor({ state: "detached" });
  assert.match(page.url(), /sort=createdAt/, "the order stays when a condition goes");
}

/** What a model is made from, code for a commit, and the way to a comparison, all from its page. */
async function a_model_leads_on({ page }) {
  await open(page, "/alice/zoo-tune");
  const facts = page.getByRole("complementary", { name: "Facts" });
  await page.getByRole("link", { name: "Use this model" }).click();
  await page.waitForURL(/#use$/);
  await page.getByRole("link", { name: /^Pinned to [0-9a-f]{8} instead$/ }).click();
  await page.waitForURL(/\?revision=[0-9a-f]{40}#use$/);
  const commit = new URL(page.url()).searchParams.get("revision");
  await page.getByText(`"${commit}"`).first().waitFor();
  await page.getByRole("link", { name: "For the newest instead" }).click();
  await page.waitForURL((address) => !address.search);
  await page.getByRole("link", { name: "Compare with…" }).click();
  await page.waitForURL(/\/compare\?id=alice/);
  await page.getByLabel("One more model").fill(new URL("/alice/zoo-bert", page.url()).href);
  await page.getByRole("button", { name: "Add" }).click();
  await page.getByRole("columnheader", { name: /alice\/zoo-bert/ }).waitFor();
  await page.getByRole("columnheader", { name: /alice\/zoo-tune/ }).getByRole("link").first().click();
  await facts.getByRole("link", { name: "alice/zoo-bert" }).click();
  await heading(page, "alice/zoo-bert").waitFor();
  await open(page, "/datasets/alice/zoo-rows");
  await facts.getByRole("link", { name: "alice/zoo-tune" }).waitFor();
  await facts.getByRole("link", { name: "Models trained on it" }).click();
  await page.getByRole("list", { name: "What narrows the list" }).getByRole("link", { name: "dataset:alice/zoo-rows" }).waitFor();
  assert.deepEqual(await listed(page), ["alice/zoo-tune"]);
  await open(page, "/alice/zoo-bert?show_tensors=model.safetensors");
  assert.match(page.url(), /\/blob\/main\/model\.safetensors$/);
}

async function a_card_shows_its_text_pictures_and_facts({ page }) {
  await open(page, "/alice/zoo-bert");
  const card = page.getByRole("article");
  await card.getByRole("heading", { name: "Zoo BERT" }).waitFor();
  const picture = card.getByRole("img", { name: "Loss over time" });
  await picture.scrollIntoViewIfNeeded();
  await page.waitForFunction(() => [...document.querySelectorAll("article img")].every((image) => image.complete));
  assert.ok((await picture.evaluate((image) => image.naturalWidth)) > 0, "the picture is not there");
  assert.equal(await card.getByRole("cell", { name: "0.61" }).count(), 1);
  assert.equal(await card.getByRole("checkbox", { checked: true }).count(), 1);
  assert.equal(await card.locator("math").count(), 1);

  const facts = page.getByRole("complementary", { name: "Facts" });
  for (const text of ["Apache license 2.0", "2.13K", "Zoo · accuracy"]) await facts.getByText(text).first().waitFor();
  await page.getByRole("heading", { name: "Results" }).waitFor();
  await page.getByText(/0\.874|87\.4/).first().waitFor();

  await card.getByRole("link", { name: "how it was trained" }).click();
  assert.match(page.url(), /#user-content-training$/);
  assert.ok(await card.getByRole("heading", { name: "Training" }).evaluate((one) => one.getBoundingClientRect().top < innerHeight));
  await card.getByRole("link", { name: "the notes" }).click();
  await page.waitForURL(/\/blob\/main\/docs\/notes\.md$/);
  await page.getByRole("link", { name: "the card" }).click();
  await page.waitForURL(/\/blob\/main\/README\.md$/);
}

/** Opens a file from the folder it lies in. */
async function file(page, name, folder = "") {
  await open(page, `/alice/zoo-bert/tree/main${folder}`);
  await page.getByRole("rowheader").getByRole("link", { name, exact: true }).click();
  await page.waitForURL(/\/blob\/main\//);
  await page.getByRole("navigation", { name: "Path" }).getByText(name).waitFor();
}

async function files_are_walked_through({ page }) {
  await open(page, "/alice/zoo-bert");
  await tab(page, "Files").click();
  const names = await page.getByRole("rowheader").getByRole("link").allInnerTexts();
  for (const name of ["docs", "images", "data", "README.md", "model.safetensors"]) assert.ok(names.includes(name), names.join());
  assert.ok(names.indexOf("docs") < names.indexOf("README.md"), "folders come first");
  assert.match(await page.getByRole("row", { name: /model\.safetensors/ }).innerText(), /large/);
  await page.getByRole("link", { name: "docs/", exact: true }).click();
  await page.waitForURL(/\/tree\/main\/docs$/);
  await page.getByRole("link", { name: "../", exact: true }).click();
  await page.waitForURL(/\/tree\/main$/);
  const download = page.waitForEvent("download");
  await page.getByRole("row", { name: /model\.safetensors/ }).getByTitle("Download").click();
  assert.equal((await download).suggestedFilename(), "model.safetensors");
}

async function code_has_lines_to_point_at({ page }) {
  await file(page, "train.py");
  await page.getByRole("link", { name: "Line 4", exact: true }).click();
  assert.match(page.url(), /#L4$/);
  const line = page.getByRole("link", { name: "Line 4", exact: true });
  const marked = await line.evaluate((one) => getComputedStyle(one).backgroundColor);
  const other = await page.getByRole("link", { name: "Line 3", exact: true }).evaluate((one) => getComputedStyle(one).backgroundColor);
  assert.notEqual(marked, other, "the line that is pointed at looks like any other");
  assert.match(await page.getByRole("main").innerText(), /ROUNDS = 30/);
  await page.getByRole("link", { name: "Permalink" }).click();
  await page.waitForURL(/\/blob\/[0-9a-f]{40}\/train\.py$/);
  await page.getByRole("link", { name: "Raw" }).click();
  assert.match(await page.locator("body").innerText(), /^import zoo/);
}

async function every_kind_of_file_has_its_viewer({ page }) {
  await file(page, "notes.md", "/docs");
  await page.getByRole("article").getByText("Okapis are shy.").waitFor();
  await page.getByText("Metadata").click();
  await page.getByText("title: Notes").waitFor();
  await page.getByRole("link", { name: "Source" }).click();
  await page.getByText("# Notes").waitFor();

  await file(page, "notes.ipynb");
  await page.getByRole("heading", { name: "Counting okapis" }).waitFor();
  await page.getByText("[7]").waitFor();
  await page.getByText("two okapis").waitFor();

  await file(page, "animals.csv", "/data");
  await page.getByRole("columnheader", { name: "share" }).waitFor();
  assert.equal(await page.getByRole("cell", { name: "0.39" }).count(), 1);

  await file(page, "config.json");
  await page.getByText("BertForMaskedLM").waitFor();

  await file(page, "plot.png", "/images");
  const picture = page.getByRole("img", { name: "plot.png" });
  await picture.waitFor();
  assert.ok((await picture.evaluate((image) => image.decode().then(() => image.naturalWidth))) > 0);
}

async function weights_are_read_by_their_header({ page, script }) {
  await file(page, "model.safetensors");
  const row = page.getByRole("row", { name: /embeddings\.weight/ });
  assert.match(await row.innerText(), /F32\s+100 × 16|F32\s+\[?100, ?16/);
  await page.getByRole("row", { name: /4 tensors.*2,128.*8\.51 kB/ }).waitFor();
  await page.getByRole("rowheader", { name: "format" }).waitFor();
  await page.getByLabel("Tensors whose names contain").fill("attention");
  // With a script the rows go at once; without it the form is sent.
  if (!script) await page.getByRole("button", { name: "Show" }).click();
  await page.getByRole("row", { name: /pooler/ }).waitFor({ state: "hidden" });
  assert.equal(await page.getByRole("row", { name: /attention/ }).count(), 2);
}

async function history_shows_what_changed({ page }) {
  await open(page, "/alice/zoo-bert");
  await tab(page, "History").click();
  const titles = await page.getByRole("rowheader").getByRole("link").allInnerTexts();
  assert.deepEqual(titles, ["Train for longer", "Add weights", "Add the model", "initial commit"]);
  await page.getByRole("link", { name: "Train for longer" }).click();
  await page.getByRole("heading", { name: "Train for longer" }).waitFor();
  const changed = await page.getByRole("row").allInnerTexts();
  const lines = changed.map((line) => line.replaceAll(/\s+/g, " ").trim());
  assert.ok(lines.some((line) => /^4 − ROUNDS = 3$/.test(line)), lines.join("\n"));
  assert.ok(lines.some((line) => /^4 \+ ROUNDS = 30$/.test(line)), lines.join("\n"));
  await page.getByRole("link", { name: "files at this commit" }).click();
  await page.waitForURL(/\/tree\/[0-9a-f]{40}$/);
  await file(page, "train.py");
  await page.getByRole("link", { name: "History" }).last().click();
  const ofFile = await page.getByRole("rowheader").getByRole("link").allInnerTexts();
  assert.deepEqual(ofFile, ["Train for longer", "Add the model"]);
}

async function lines_are_blamed_and_revisions_compared({ page }) {
  await open(page, "/alice/zoo-bert/blob/main/train.py");
  await page.getByRole("link", { name: "Blame" }).click();
  const blamed = page.getByRole("row").filter({ hasText: "ROUNDS = 30" });
  await blamed.getByRole("link", { name: "Train for longer" }).waitFor();
  const first = page.getByRole("row").filter({ hasText: "import zoo" });
  await first.getByRole("link", { name: "Add the model" }).click();
  await heading(page, "Add the model", 2).or(page.getByRole("heading", { name: "Add the model" })).first().waitFor();
  const before = new URL(page.url()).pathname.split("/").pop();
  await tab(page, "History").click();
  await page.getByRole("link", { name: /^Compare/ }).last().click();
  await page.getByLabel("What changes from").fill(before);
  await page.getByLabel("to", { exact: true }).fill("main");
  await page.getByRole("button", { name: "Compare" }).click();
  await page.getByRole("row").filter({ hasText: "Add weights" }).waitFor();
  await page.getByRole("link", { name: "model.safetensors" }).waitFor();
  const changed = (await page.getByRole("row").allInnerTexts()).map((line) => line.replaceAll(/\s+/g, " ").trim());
  assert.ok(changed.some((line) => /^4 \+ ROUNDS = 30$/.test(line)), changed.join("\n"));
  await page.getByRole("link", { name: "The other way round" }).click();
  await page.getByText(/has no commit that/).waitFor();
}

async function the_doctor_finds_what_is_wrong({ page }) {
  await open(page, "/doctor");
  await page.getByLabel("Request, traceback or address").fill(`${process.env.HF_ENDPOINT}/alice/zoo-bert/resolve/main/confg.json`);
  await page.getByRole("button", { name: "Examine" }).click();
  await page.getByRole("heading", { name: "Findings" }).waitFor();
  await page.getByRole("listitem").filter({ hasText: "There is no file “confg.json” at main" }).waitFor();
}

async function guides_and_the_interface_are_read({ page }) {
  await open(page, "/");
  await page.getByRole("contentinfo").getByRole("link", { name: "Guides" }).click();
  await page.getByRole("link", { name: "The HTTP interface" }).click();
  await page.getByLabel("Find").fill("whoami");
  await page.getByRole("button", { name: "Show" }).click();
  await page.getByRole("link", { name: "GET /api/whoami-v2" }).waitFor();
  await page.getByRole("contentinfo").getByRole("link", { name: "llms.txt" }).click();
  await page.getByText("# Steelyard").waitFor();
}

async function models_are_compared({ page }) {
  await open(page, "/");
  await page.getByRole("navigation", { name: "Main" }).getByRole("link", { name: "Compare" }).click();
  for (const [label, id] of [["A model", "alice/zoo-bert"], ["One more model", "alice/zoo-tune"]]) {
    await page.getByLabel(label).fill(id);
    await page.getByRole("button", { name: "Add" }).click();
    await page.getByRole("columnheader", { name: id }).waitFor();
  }
  const licences = await page.getByRole("row", { name: /^Licen[cs]e/ }).first().innerText();
  assert.match(licences, /Apache license 2\.0\s+MIT$/);
  await page.getByRole("columnheader", { name: "alice/zoo-bert" }).getByRole("link", { name: "take out" }).click();
  await page.getByRole("columnheader", { name: "alice/zoo-bert" }).waitFor({ state: "detached" });
  await page.getByRole("columnheader", { name: "alice/zoo-tune" }).waitFor();
}

async function a_leaderboard_ranks_what_was_measured_alike({ page }) {
  await open(page, "/datasets/alice/zoo-rows");
  await tab(page, "Leaderboard").click();
  const rows = (table) => table.getByRole("row").allInnerTexts();
  const [alike, other] = [page.getByRole("table").first(), page.getByRole("table").nth(1)];
  const told = (await rows(alike)).slice(1).map((row) => row.split("\t").slice(0, 4).map((cell) => cell.trim()));
  assert.deepEqual(told, [
    ["1", "alice/zoo-tune", "0.902", "self-reported"],
    ["2", "alice/zoo-bert", "0.874", "self-reported"],
  ]);
  await page.getByText(/Not told.*shots, prompt format, harness/).first().waitFor();
  await page.getByText("config animals, 5-shot, harness lm-eval", { exact: false }).waitFor();
  assert.match((await rows(other))[1], /alice\/zoo-bert.*61\.5.*proposed in #1/s);
  await page.getByRole("link", { name: "Only models that are not made from others" }).click();
  await page.getByRole("link", { name: "Also models made from others" }).waitFor();
  assert.equal(await page.getByRole("link", { name: "alice/zoo-tune" }).count(), 0);
  await page.getByRole("link", { name: "proposed in #1" }).click();
  await page.getByRole("rowheader").getByRole("link", { name: "zoo.yaml" }).waitFor();
  await open(page, "/alice/zoo-bert");
  await page.getByRole("link", { name: "proposed in #1" }).waitFor();
  await open(page, "/datasets/alice/zoo-rows/leaderboard.md");
  await page.getByText("| 2 | alice/zoo-bert | 0.874 | self-reported |", { exact: false }).waitFor();
}

async function help_and_people_are_found({ page }) {
  await open(page, "/");
  await page.getByRole("navigation", { name: "Main" }).getByRole("link", { name: "Set up" }).click();
  await heading(page, "Set up a client").waitFor();
  await page.getByText(`HF_ENDPOINT=${process.env.HF_ENDPOINT}`).first().waitFor();
  await open(page, "/alice/zoo-bert");
  await heading(page, "alice/zoo-bert").getByRole("link", { name: "alice" }).click();
  await heading(page, "alice").waitFor();
  assert.ok((await listed(page)).includes("alice/zoo-bert"));
  await page.getByRole("heading", { name: /^Datasets/ }).waitFor();
  await page.getByRole("link", { name: "alice/zoo-rows" }).click();
  await heading(page, "alice/zoo-rows").waitFor();
}

async function what_is_missing_says_so(visit) {
  visit.allow(/status of 404/);
  const { page } = visit;
  for (const address of ["/alice/no-such-model", "/nobody-has-this-name", "/alice/zoo-bert/blob/main/no-such-file", "/alice/zoo-bert/tree/no-such-branch"]) {
    await open(page, address, 404);
    assert.match(await page.getByRole("heading", { level: 1 }).innerText(), /There is no/);
  }
  await page.getByRole("link", { name: "To the front page" }).click();
  await heading(page, /What do you want/).waitFor();
}

/** What a person sees: whether the ground is light or dark. */
const theme = (page) =>
  page.evaluate(() => {
    const ground = getComputedStyle(document.documentElement).backgroundColor;
    const [red, green, blue] = ground.match(/[\d.]+/g).map(Number);
    return red + green + blue > 382 ? "light" : "dark";
  });

async function the_chosen_theme_stays({ page }) {
  await page.emulateMedia({ colorScheme: "light" });
  await open(page, "/");
  assert.equal(await theme(page), "light");
  await page.getByRole("button", { name: "Light or dark" }).click();
  assert.equal(await theme(page), "dark");
  await open(page, "/alice/zoo-bert");
  assert.equal(await theme(page), "dark", "the choice is forgotten on the next page");
  const answer = await page.reload();
  assert.match(await answer.text(), /data-theme="dark"/, "the server does not know of it, so the page would flash");
  await page.getByRole("button", { name: "Light or dark" }).click();
  await page.reload();
  assert.equal(await theme(page), "light");
}

async function the_theme_follows_the_system({ page }) {
  await page.emulateMedia({ colorScheme: "dark" });
  await open(page, "/");
  assert.equal(await theme(page), "dark");
  assert.ok(await page.getByRole("button", { name: "Light or dark" }).isVisible());
}

async function code_is_copied({ page, context }) {
  await context.grantPermissions(["clipboard-read", "clipboard-write"]);
  await open(page, "/setup");
  const button = page.getByRole("button", { name: "Copy" }).first();
  await button.click();
  await page.getByRole("button", { name: "Copied" }).waitFor();
  assert.match(await page.evaluate(() => navigator.clipboard.readText()), /HF_ENDPOINT/);
}

export const flows = [
  ...[
    a_query_finds_a_model,
    a_wrong_query_says_what_is_wrong,
    a_facet_changes_its_mind,
    a_model_leads_on,
    a_list_is_narrowed_and_turned_over,
    a_card_shows_its_text_pictures_and_facts,
    files_are_walked_through,
    code_has_lines_to_point_at,
    every_kind_of_file_has_its_viewer,
    weights_are_read_by_their_header,
    history_shows_what_changed,
    lines_are_blamed_and_revisions_compared,
    the_doctor_finds_what_is_wrong,
    guides_and_the_interface_are_read,
    models_are_compared,
    a_leaderboard_ranks_what_was_measured_alike,
    help_and_people_are_found,
    what_is_missing_says_so,
  ].map(both),
  ...[the_chosen_theme_stays, the_theme_follows_the_system, code_is_copied].map(scripted),
];
