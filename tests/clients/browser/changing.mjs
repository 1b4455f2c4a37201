// Making repositories and changing what is in them, as somebody does who signed in.

import assert from "node:assert/strict";

import { findings, tooWide } from "./accessible.mjs";
import { HUB, open } from "./browser.mjs";
import { join } from "./people.mjs";
import { both, scripted } from "./ways.mjs";

const heading = (page, name, level = 1) => page.getByRole("heading", { name, level });
let people = 0;

/** Somebody new, signed in, with a repository of theirs; its address. */
async function owner(page, name = "things") {
  const who = `person-${(people += 1)}`;
  await join(page, who);
  await open(page, "/new");
  await page.getByLabel("Name", { exact: true }).fill(name);
  await page.getByRole("combobox", { name: /^Licence/ }).selectOption("mit");
  await page.getByRole("button", { name: "Make the model" }).click();
  await page.waitForURL(`**/${who}/${name}`);
  return `/${who}/${name}`;
}

/** The text of a file, as anybody downloads it. */
async function text(page, base, path, revision = "main") {
  const answer = await page.request.get(`${base}/resolve/${revision}/${path}`);
  return answer.ok() ? answer.text() : answer.status();
}

const file = (name, content) => ({ name, mimeType: "application/octet-stream", buffer: Buffer.from(content) });

async function a_repository_is_made_and_filled({ page }) {
  const base = await owner(page);
  await heading(page, "Put files in", 2).waitFor();
  await page.getByRole("link", { name: "Add files" }).click();
  await page.getByLabel("Folder").fill("data");
  await page.getByLabel("Files", { exact: true }).setInputFiles([file("a.csv", "a,b\n1,2\n"), file("w.bin", "\x00\x01\x02")]);
  await page.getByLabel(/^Commit message/).fill("Add the data");
  await page.getByRole("button", { name: "Upload" }).click();
  await page.waitForURL(/\/tree\/main/);
  assert.equal(await text(page, base, "data/a.csv"), "a,b\n1,2\n");
  await open(page, `${base}/commits/main`);
  await page.getByText("Add the data").first().waitFor();
}

/** Bytes that are the same each time, as one large file dropped on the page. */
async function drop(page, bytes) {
  // The script that takes what is dropped comes after the page; this button is its sign.
  await page.getByText("Choose a folder").waitFor();
  await page.evaluate((bytes) => {
    const content = new Uint8Array(bytes);
    for (let at = 0; at < bytes; at += 509) content[at] = (at * 31 + (at >> 12)) & 255;
    const dropped = new DataTransfer();
    dropped.items.add(new File([content], "weights.safetensors", { lastModified: 1_700_000_000_000 }));
    dropped.items.add(new File(["small"], "notes.txt", { lastModified: 1_700_000_000_000 }));
    const zone = document.querySelector("input[type=file]").parentElement;
    zone.dispatchEvent(new DragEvent("drop", { bubbles: true, cancelable: true, dataTransfer: dropped }));
  }, bytes);
  await page.getByRole("button", { name: "Remove weights.safetensors" }).waitFor();
}

/** The connection breaks after two parts, the page is closed, and the same files are dropped again. */
async function an_upload_that_was_cut_goes_on(visit) {
  visit.allow(/ERR_CONNECTION_RESET|dialog: /);
  const { page } = visit;
  const base = await owner(page);
  const bytes = 52 * 1024 * 1024;
  let [parts, isCut, arrived] = [[], true, 0];
  page.on("response", (response) => {
    if (response.url().includes("/part/") && response.ok()) arrived += 1;
  });
  await page.route(/\/lfs\/upload\/.*\/part\//, (route) => {
    if (isCut && parts.length >= 2) return route.abort("connectionreset");
    parts.push(Number(/\/part\/(\d+)/.exec(route.request().url())[1]));
    return route.continue();
  });
  await open(page, `${base}/upload/main`);
  await drop(page, bytes);
  await page.getByRole("button", { name: "Upload" }).click();
  await page.getByText("Trying again").waitFor();
  while (arrived < 2) await page.waitForTimeout(50);
  const first = parts;
  [parts, isCut] = [[], false];
  await page.getByRole("button", { name: "Cancel" }).click();
  await page.getByText("Nothing was committed").waitFor();
  assert.equal(await text(page, base, "notes.txt"), 404);

  await open(page, `${base}/upload/main`);
  await page.getByText("An upload was cut: weights.safetensors").waitFor();
  await drop(page, bytes);
  await page.getByRole("button", { name: "Upload" }).click();
  await page.waitForURL(/\/tree\/main/);
  assert.equal(await text(page, base, "notes.txt"), "small");
  const head = await page.request.head(`${base}/resolve/main/weights.safetensors`, { maxRedirects: 0 });
  assert.equal(head.headers()["x-linked-size"], String(bytes));
  assert.ok(first.length === 2 && parts.length > 0, `${first} and then ${parts}`);
  assert.ok(parts.every((part) => !first.includes(part)), `${first} came again in ${parts}`);
  assert.equal(first.length + parts.length, Math.ceil(bytes / (16 * 1024 * 1024)));
}

async function a_file_is_written_renamed_and_deleted({ page }) {
  const base = await owner(page);
  await open(page, `${base}/tree/main`);
  await page.getByRole("link", { name: "New file" }).click();
  await page.getByLabel("Path").fill("notes/one.txt");
  await page.getByLabel("Text").fill("first\nsecond");
  await page.getByRole("button", { name: "Create the file" }).click();
  await page.waitForURL(/\/blob\/main\/notes\/one\.txt/);
  await page.getByRole("link", { name: "Edit" }).click();
  await page.getByLabel("Path").fill("two.txt");
  await page.getByRole("button", { name: "Save" }).click();
  await page.waitForURL(/\/blob\/main\/two\.txt/);
  assert.equal(await text(page, base, "two.txt"), "first\nsecond");
  await page.getByRole("link", { name: "Delete" }).click();
  await page.getByRole("button", { name: "Delete" }).click();
  await page.waitForURL(/\/tree\/main/);
  assert.equal(await text(page, base, "two.txt"), 404);
}

/** Two windows, one file. */
async function who_was_slower_loses_nothing(visit) {
  visit.allow(/status of 412/);
  const { page, context } = visit;
  const base = await owner(page);
  await open(page, `${base}/edit/main/.gitattributes`);
  const other = await context.newPage();
  await open(other, `${base}/edit/main/.gitattributes`);
  await other.getByLabel("Text").fill("# theirs\n");
  await other.getByRole("button", { name: "Save" }).click();
  await other.waitForURL(/\/blob\//);
  await page.getByLabel("Text").fill("# mine\n");
  await page.getByRole("button", { name: "Save" }).click();
  await page.getByText("while you wrote").waitFor();
  assert.equal(await page.getByLabel("Text").inputValue(), "# mine\n");
  assert.equal(await text(page, base, ".gitattributes"), "# theirs\n");
  await page.getByRole("button", { name: "Save" }).click();
  await page.waitForURL(/\/blob\//);
  assert.equal(await text(page, base, ".gitattributes"), "# mine\n");
}

async function a_card_is_written_with_its_form({ page, script }) {
  const base = await owner(page);
  await open(page, `${base}/edit/main/README.md`);
  await page.getByLabel("Tags").fill("one, two");
  await page.getByLabel("Tags").blur();
  if (script) {
    await page.waitForFunction(() => document.querySelector("textarea[name=text]").value.includes("- two"));
    await page.getByLabel("Text").press("Control+End");
    await page.getByLabel("Text").pressSequentially("\nlive **words** here\n");
    await page.getByRole("strong").filter({ hasText: "words" }).waitFor();
  }
  await page.getByRole("button", { name: "Save" }).click();
  await page.waitForURL(/\/blob\/main\/README\.md/);
  const card = await text(page, base, "README.md");
  assert.match(card, /^---\nlicense: mit\ntags:\n- one\n- two\n---\n# things\n/);
  assert.equal(card.includes("live **words**"), script);
}

async function settings_rename_and_delete({ page }) {
  const base = await owner(page);
  const [, who] = base.split("/");
  await page.getByRole("link", { name: "Settings" }).last().click();
  await page.getByLabel("Name", { exact: true }).fill("other");
  await page.getByRole("button", { name: "Rename or transfer" }).click();
  await page.waitForURL(/\/other\/settings/);
  await page.getByLabel(/^Type /).fill(`${who}/other`);
  await page.getByRole("button", { name: "Delete the model" }).click();
  await page.waitForURL(`**/${who}`);
  assert.equal((await page.request.get(`${who}/other`)).status(), 404);
}

async function branches_and_tags_come_and_go({ page }) {
  const base = await owner(page);
  await open(page, `${base}/tree/main`);
  await page.locator("summary", { hasText: "main" }).click();
  await page.getByRole("link", { name: "New branch or tag" }).click();
  await page.getByLabel("Name", { exact: true }).first().fill("trial");
  await page.getByRole("button", { name: "Make the branch" }).click();
  await page.getByRole("link", { name: "trial", exact: true }).waitFor();
  await page.getByRole("button", { name: "Protect trial" }).click();
  await page.getByRole("button", { name: "Unprotect trial" }).click();
  await page.getByRole("button", { name: "Protect trial" }).waitFor();
  await page.getByLabel("Name", { exact: true }).last().fill("v1.0");
  await page.getByLabel("For", { exact: true }).fill("trial");
  await page.getByLabel(/^Message/).fill("The first");
  await page.getByRole("button", { name: "Make the tag" }).click();
  await page.getByRole("link", { name: "v1.0", exact: true }).waitFor();
  // A file on the branch only.
  await open(page, `${base}/new/trial`);
  await page.getByLabel("Path").fill("trial.txt");
  await page.getByLabel("Text").fill("on trial");
  await page.getByRole("button", { name: "Create the file" }).click();
  await page.waitForURL(/\/blob\/trial\//);
  assert.equal(await text(page, base, "trial.txt", "trial"), "on trial");
  assert.equal(await text(page, base, "trial.txt"), 404);
  assert.equal(await text(page, base, "trial.txt", "v1.0"), 404);
  await open(page, `${base}/refs`);
  await page.getByRole("link", { name: "Delete trial" }).click();
  await page.getByText("Delete the branch trial?").waitFor();
  await page.getByRole("link", { name: "Leave it" }).click();
  await page.getByRole("link", { name: "Delete trial" }).click();
  await page.getByRole("button", { name: "Delete trial" }).click();
  await page.getByRole("link", { name: "Delete trial" }).waitFor({ state: "detached" });
  await page.getByRole("link", { name: "Delete v1.0" }).click();
  await page.getByRole("button", { name: "Delete v1.0" }).click();
  await page.getByText("There is none.").waitFor();
  assert.equal(await text(page, base, "trial.txt", "trial"), 404);
}

/** Somebody who may only read proposes; a second click proposes nothing more. */
async function a_change_is_proposed({ page }, browser) {
  const base = await owner(page);
  const context = await browser.newContext({ baseURL: HUB });
  const other = await context.newPage();
  await join(other, `person-${(people += 1)}`);
  await open(other, `${base}/new/main`);
  assert.equal(await other.getByLabel(/^to main/).count(), 0, "they may not write to main");
  await other.getByLabel("Path").fill("idea.txt");
  await other.getByLabel("Text").fill("what about this");
  await other.getByLabel(/as a new pull request/).check();
  await other.getByRole("button", { name: "Create the file" }).dblclick();
  await other.waitForURL(/\/(blob|tree|discussions|commit)\//);
  await other.getByText("Pull request 1 is open").waitFor();
  await other.getByRole("link", { name: "What it changes" }).click();
  await other.getByText("what about this").waitFor();
  await context.close();
  assert.equal(await text(page, base, "idea.txt"), 404);
  assert.equal(await text(page, base, "idea.txt", "refs%2Fpr%2F1"), "what about this");
  assert.equal(await text(page, base, "idea.txt", "refs%2Fpr%2F2"), 404);
}

async function a_repository_hides_and_is_liked({ page }, browser) {
  const base = await owner(page);
  const context = await browser.newContext({ baseURL: HUB });
  const other = await context.newPage();
  await join(other, `person-${(people += 1)}`);
  await open(other, base);
  await other.getByRole("button", { name: "0 likes" }).click();
  await other.getByRole("button", { name: /1 like$/ }).waitFor();
  await open(other, base);
  await other.getByRole("button", { name: /1 like$/ }).click();
  await other.getByRole("button", { name: "0 likes" }).waitFor();
  await open(page, `${base}/settings`);
  await page.getByRole("radio", { name: /^only / }).check();
  await page.getByRole("button", { name: "Save" }).click();
  await page.getByRole("status").waitFor();
  assert.equal((await other.goto(base)).status(), 404);
  await open(page, `${base}/settings`);
  await page.getByRole("radio", { name: "everybody" }).check();
  await page.getByLabel("Who gets the files").selectOption("manual");
  await page.getByRole("button", { name: "Save" }).click();
  await page.getByRole("status").waitFor();
  await open(other, base);
  assert.equal((await other.request.get(`${base}/resolve/main/README.md`)).status(), 403);
  await context.close();
}

async function a_card_gets_the_sections_of_the_template({ page, script }) {
  const base = await owner(page);
  await open(page, `${base}/edit/main/README.md`);
  const draft = page.getByLabel("Text", { exact: true });
  const written = `${await draft.inputValue()}\nWritten with care.\n\n## Usage\n\nLike this.\n`;
  await draft.fill(written);
  const ask = async () => {
    await page.getByRole("button", { name: "Add the template’s sections" }).click();
    await page.waitForFunction(() => /## Citation/.test(document.querySelector("textarea[name=text]").value));
  };
  await ask();
  const made = await draft.inputValue();
  assert.ok(made.startsWith(written), made);
  assert.match(made, /^---\nlicense: mit\n/);
  assert.ok(!made.includes("## How to use"), made);
  if (script) {
    await draft.press("Control+z");
    assert.equal(await draft.inputValue(), written, "it can be undone");
    await ask();
  }
  await page.getByRole("button", { name: "Save" }).click();
  await page.waitForURL(/\/blob\/main\/README\.md/);
  assert.match(await text(page, base, "README.md"), /## /);
}

/** The browser asks before an unsaved text is left; without changes, and when it is saved, it does not. */
async function an_unsaved_text_is_not_left_without_a_question(visit) {
  const { page } = visit;
  const base = await owner(page);
  await open(page, `${base}/edit/main/.gitattributes`);
  await page.getByRole("link", { name: "Files" }).first().click();
  await page.waitForURL(/\/tree\/main/);
  await open(page, `${base}/edit/main/.gitattributes`);
  await page.getByLabel("Text", { exact: true }).fill("# changed\n");
  visit.allow(/dialog: /);
  const asked = page.waitForEvent("dialog");
  await page.getByRole("link", { name: "Files" }).first().click();
  assert.equal((await asked).type(), "beforeunload");
  assert.equal(await page.getByLabel("Text", { exact: true }).inputValue(), "# changed\n");
  await page.getByRole("button", { name: "Save" }).click();
  await page.waitForURL(/\/blob\//);
  assert.equal(await text(page, base, ".gitattributes"), "# changed\n");
}

/** The folder may be named after the files were chosen. */
async function the_folder_counts_when_it_is_uploaded({ page }) {
  const base = await owner(page);
  await open(page, `${base}/upload/main`);
  await page.getByText("Choose a folder").waitFor();
  await page.getByLabel("Files", { exact: true }).setInputFiles([file("a.csv", "a\n1\n")]);
  await page.getByText("a.csv", { exact: true }).waitFor();
  await page.getByLabel("Folder").first().fill("late");
  await page.getByText("late/a.csv", { exact: true }).waitFor();
  await page.getByRole("button", { name: "Upload" }).click();
  await page.waitForURL(/\/tree\/main/);
  assert.equal(await text(page, base, "late/a.csv"), "a\n1\n");
  assert.equal(await text(page, base, "a.csv"), 404);
}

/** A licence of one's own is named; what is used here is offered. */
async function another_licence_says_which({ page, script }) {
  const base = await owner(page);
  await open(page, `${base}/edit/main/README.md`);
  assert.equal(await page.getByLabel("Name of the terms").isVisible(), false);
  await page.getByLabel("Licence", { exact: true }).fill("other");
  if (script) await page.getByLabel("Licence", { exact: true }).blur();
  else await page.getByRole("button", { name: "Preview" }).click();
  await page.getByLabel("Name of the terms").fill("our-terms");
  await page.getByLabel("Address of the terms").fill("LICENSE");
  await page.getByRole("button", { name: "Save" }).click();
  await page.waitForURL(/\/blob\/main\/README\.md/);
  assert.match(await text(page, base, "README.md"), /license: other\nlicense_name: our-terms\nlicense_link: LICENSE\n/);
}

async function everybody_can_change_things(visit) {
  const base = await owner(visit.page);
  const pages = [
    ["new", "/new"],
    ["new-space", "/new-space"],
    ["bare", base],
    ["upload", `${base}/upload/main`],
    ["new-file", `${base}/new/main`],
    ["edit", `${base}/edit/main/.gitattributes`],
    ["card", `${base}/edit/main/README.md`],
    ["delete", `${base}/delete/main/README.md`],
    ["refs", `${base}/refs`],
    ["refs-delete", `${base}/refs?delete=branch&name=main`],
    ["settings", `${base}/settings`],
    ["folder", `${base}/tree/main`],
    ["file", `${base}/blob/main/.gitattributes`],
    ["text", `${base}/blob/main/README.md`],
    ["missing", `${base}/blob/main/nothing`, 404],
  ];
  assert.deepEqual(await findings(visit, pages), []);
  assert.deepEqual(await tooWide(visit, pages), []);
}

export const flows = [
  both(a_repository_is_made_and_filled),
  scripted(an_upload_that_was_cut_goes_on),
  both(a_file_is_written_renamed_and_deleted),
  both(who_was_slower_loses_nothing),
  both(a_card_is_written_with_its_form),
  both(branches_and_tags_come_and_go),
  both(a_change_is_proposed),
  both(a_repository_hides_and_is_liked),
  both(a_card_gets_the_sections_of_the_template),
  scripted(an_unsaved_text_is_not_left_without_a_question),
  scripted(the_folder_counts_when_it_is_uploaded),
  both(another_licence_says_which),
  both(settings_rename_and_delete),
  scripted(everybody_can_change_things),
];
