// What the people who run a hub do: people, organisations, repositories, work in the background, and what happened.
//
// The hub takes invitations, and the operator's first password is set with the code in STEELYARD_CODE.

import assert from "node:assert/strict";

import { findings, tooWide } from "./accessible.mjs";
import { HUB, open } from "./browser.mjs";
import { PASSWORD, setPassword, signIn } from "./people.mjs";
import { ALICE, commit, repo } from "./scene.mjs";
import { both, scripted } from "./ways.mjs";

/** Pages of an administrator. */
const PAGES = [
  ["overview", "/admin"],
  ["users", "/admin/users"],
  ["user", "/admin/users/operator"],
  ["organisations", "/admin/orgs"],
  ["repositories", "/admin/repos"],
  ["jobs", "/admin/jobs"],
  ["storage", "/admin/storage"],
  ["events", "/admin/events"],
  ["configuration", "/admin/configuration"],
];

let isPasswordSet = false;
let count = 0;

/** A name that no other flow has. */
const fresh = (word) => `${word}-${(count += 1)}`;

/** Signs the operator in, the first time with the code that the command printed, and opens the administration. */
async function operator(page) {
  if (!isPasswordSet) {
    await setPassword(page, process.env.STEELYARD_CODE);
    isPasswordSet = true;
  }
  await signIn(page, "operator");
  await page.locator("header summary").click();
  await page.getByRole("link", { name: "Administration" }).click();
  await page.getByRole("heading", { name: "Administration", level: 1 }).waitFor();
}

const tab = (page, name) => page.getByRole("navigation", { name: "Administration" }).getByRole("link", { name }).click();

const row = (page, name) => page.getByRole("row").filter({ hasText: name });

/** The code that a page shows once. */
const shown = async (page) => (await page.getByText(/^[0-9a-z]{5}(-[0-9a-z]{5})+$/).innerText()).trim();

/** A second person, with a browser of their own. */
async function somebodyElse(browser, script) {
  const context = await browser.newContext({ baseURL: HUB, javaScriptEnabled: script });
  context.setDefaultTimeout(15_000);
  return { page: await context.newPage(), close: () => context.close() };
}

async function somebody_gets_an_account_and_loses_it(visit, browser) {
  const { page, script } = visit;
  const name = fresh("hired");
  const them = await somebodyElse(browser, script);
  await operator(page);
  await tab(page, "Users");
  await page.getByLabel("Name", { exact: true }).last().fill(name);
  await page.getByLabel("Mail address").fill(`${name}@example.org`);
  await page.getByRole("button", { name: "Make the account" }).click();
  await setPassword(them.page, await shown(page));
  await signIn(them.page, name);
  // Nobody but administrators gets in.
  assert.equal((await them.page.goto("/admin")).status(), 403);

  await open(page, "/admin/users");
  await page.getByRole("link", { name, exact: true }).click();
  await page.getByRole("button", { name: "Make administrator" }).click();
  await page.getByRole("button", { name: "No longer administrator" }).waitFor();
  await open(them.page, "/admin");
  await page.getByRole("button", { name: "No longer administrator" }).click();
  await page.getByRole("button", { name: "Make administrator" }).waitFor();
  assert.equal((await them.page.goto("/admin/users")).status(), 403);

  await page.getByRole("button", { name: "Disable" }).click();
  await page.getByRole("button", { name: "Enable" }).waitFor();
  await them.page.goto("/settings/profile");
  assert.equal(new URL(them.page.url()).pathname, "/login");
  await page.getByRole("button", { name: "Enable" }).click();
  await page.getByRole("button", { name: "Disable" }).waitFor();
  await signIn(them.page, name);
  await open(them.page, "/settings/profile");
  await them.close();
}

async function somebody_is_invited({ page, script }, browser) {
  const name = fresh("guest");
  await operator(page);
  await tab(page, "Users");
  const invite = async (mail) => {
    await page.getByLabel("For, as a note").fill(mail);
    await page.getByRole("button", { name: "Make an invitation" }).click();
    return shown(page);
  };
  const code = await invite(`${name}@example.org`);
  const takenBack = await invite(`${name}-no@example.org`);
  await page.getByRole("button", { name: `Take back ${name}-no@example.org` }).click();
  await row(page, `${name}-no@example.org`).waitFor({ state: "detached" });

  const them = await somebodyElse(browser, script);
  await open(them.page, "/join");
  const join = async (invitation) => {
    await them.page.getByLabel("Invitation").fill(invitation);
    await them.page.getByLabel("Name", { exact: true }).fill(name);
    await them.page.getByLabel("Password").fill(PASSWORD);
    await them.page.getByRole("button", { name: "Make the account" }).click();
  };
  await join(takenBack);
  await them.page.getByRole("alert").waitFor();
  await join(code);
  await them.page.waitForURL("**/setup");
  await them.close();
  // An invitation is good once.
  await open(page, "/admin/users");
  assert.equal(await row(page, `${name}@example.org`).getByRole("button", { name: "Take back" }).count(), 0);
}

async function an_organisation_is_made_and_manned({ page }) {
  const name = fresh("scales");
  await operator(page);
  await tab(page, "Organisations");
  await page.getByLabel("Name", { exact: true }).last().fill(name);
  await page.getByLabel("Called").fill("Scales & Beams");
  await page.getByRole("button", { name: "Make the organisation" }).click();
  await page.getByRole("heading", { name, level: 2 }).waitFor();
  const set = async (role) => {
    await page.getByLabel("User").fill(ALICE);
    await page.getByLabel("Role").selectOption(role);
    await page.getByRole("button", { name: "Save" }).click();
    await row(page, ALICE).getByRole("cell", { name: role, exact: true }).waitFor();
  };
  await set("read");
  await set("write");
  await open(page, `/${name}`);
  await page.getByText("Scales & Beams").first().waitFor();
  await page.getByRole("link", { name: ALICE, exact: true }).first().waitFor();
  await open(page, `/admin/orgs/${name}`);
  await page.getByRole("button", { name: `Take out ${ALICE}` }).click();
  await row(page, ALICE).waitFor({ state: "detached" });
}

async function a_repository_goes_out_of_service_and_then_for_good({ page }) {
  const name = fresh("withdrawn");
  await repo("model", name);
  await commit("model", name, "Add a file", { "notes.txt": "read me" });
  const file = `${HUB}/${ALICE}/${name}/resolve/main/notes.txt`;
  const status = async () => (await fetch(file)).status;
  assert.equal(await status(), 200);
  await operator(page);
  await tab(page, "Repositories");
  await page.getByLabel("Name", { exact: true }).fill(name);
  await page.getByRole("button", { name: "Show" }).click();
  await page.getByRole("button", { name: `Disable ${ALICE}/${name}` }).click();
  await page.getByText("disabled", { exact: true }).waitFor();
  assert.equal(await status(), 403);
  await page.getByRole("button", { name: `Enable ${ALICE}/${name}` }).click();
  await page.getByRole("button", { name: `Disable ${ALICE}/${name}` }).waitFor();
  assert.equal(await page.getByLabel("Name", { exact: true }).inputValue(), name, "the list stays as it was asked for");
  assert.equal(await status(), 200);
  await open(page, `/admin/repos?q=${name}`);
  await row(page, name).getByText("Delete").first().click();
  await page.getByLabel(`Type ${ALICE}/${name}`).fill(`${ALICE}/${name}`);
  await page.getByRole("button", { name: "Delete", exact: true }).click();
  await page.getByRole("status").waitFor();
  // To somebody who is not signed in, what is not there looks like what is private.
  assert.equal(await status(), 401);
}

/** Opens an address again and again until something is on the page. */
async function until(page, address, there) {
  for (let tries = 0; tries < 100; tries += 1) {
    await open(page, address);
    if (await there().count()) return;
    await page.waitForTimeout(200);
  }
  throw new Error(`${address} never showed it`);
}

async function a_sweep_is_started_and_watched({ page }) {
  await operator(page);
  await tab(page, "Storage");
  await page.getByRole("button", { name: "Run now xet.orphans" }).click();
  await page.getByRole("status").waitFor();
  await tab(page, "Jobs");
  await page.getByRole("link", { name: "done" }).click();
  await until(page, "/admin/jobs?state=done", () => row(page, "xet.orphans"));
  // What it came to stands there, and how long it took.
  const line = await row(page, "xet.orphans").first().innerText();
  assert.match(line, /\d+ objects/);
  assert.match(line, /took \d+ s/);
  await tab(page, "Events");
  await page.getByLabel("Kind").fill("admin.sweep");
  await page.getByLabel("Who").fill("operator");
  await page.getByRole("button", { name: "Show" }).click();
  await row(page, "xet.orphans").first().waitFor();
  await page.getByLabel("Who").fill(ALICE);
  await page.getByRole("button", { name: "Show" }).click();
  await page.getByText("Nothing of that kind happened.").waitFor();
}

async function health_and_configuration_are_looked_at({ page }) {
  await operator(page);
  await page.getByText(/answers in \d+ ms/).first().waitFor();
  assert.equal(await page.getByText("does not answer").count(), 0);
  await tab(page, "Configuration");
  const text = await page.getByText("[accounts]").innerText();
  assert.match(text, /sign_up = "invitation" +# STEELYARD_ACCOUNTS__SIGN_UP/);
  for (const secret of [process.env.HF_TOKEN, process.env.STEELYARD_CODE]) assert.ok(!text.includes(secret));
}

async function everybody_can_use_the_pages_of_administration(visit) {
  await operator(visit.page);
  assert.deepEqual(await findings(visit, PAGES), []);
  assert.deepEqual(await tooWide(visit, PAGES), []);
}

export const flows = [
  both(somebody_gets_an_account_and_loses_it),
  both(somebody_is_invited),
  both(an_organisation_is_made_and_manned),
  both(a_repository_goes_out_of_service_and_then_for_good),
  both(a_sweep_is_started_and_watched),
  both(health_and_configuration_are_looked_at),
  scripted(everybody_can_use_the_pages_of_administration),
];
