// Accounts as people have them: made, signed in with, guarded, given tokens, and got back when the password is gone.

import assert from "node:assert/strict";
import { createHmac } from "node:crypto";
import { readFile, readdir } from "node:fs/promises";
import { join as path } from "node:path";
import { setTimeout as pause } from "node:timers/promises";

import { findings } from "./accessible.mjs";
import { HUB, open } from "./browser.mjs";
import { PASSWORD, join, signIn } from "./people.mjs";
import { both, scripted } from "./ways.mjs";

/** Pages of somebody who is signed in. */
const SETTINGS = [
  ["profile", "/settings/profile"],
  ["password", "/settings/password"],
  ["second factor", "/settings/password?begin=1"],
  ["sessions", "/settings/sessions"],
  ["tokens", "/settings/tokens"],
  ["keys", "/settings/keys"],
];

/** Pages of somebody who is not. */
const DOORS = [
  ["login", "/login"],
  ["join", "/join"],
  ["reset", "/reset"],
];

/** What an authenticator app shows for this secret (RFC 6238). */
function totp(secret, at = Date.now()) {
  const bits = [...secret.replaceAll(" ", "")].map((letter) => "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567".indexOf(letter));
  const text = bits.map((five) => five.toString(2).padStart(5, "0")).join("");
  const key = Buffer.from(text.match(/.{8}/g).map((eight) => parseInt(eight, 2)));
  const step = Buffer.alloc(8);
  step.writeBigUInt64BE(BigInt(Math.floor(at / 30000)));
  const hash = createHmac("sha1", key).update(step).digest();
  const from = hash[hash.length - 1] & 15;
  return String((hash.readUInt32BE(from) & 0x7fffffff) % 1_000_000).padStart(6, "0");
}

/** A name that no other run of a flow has. */
const fresh = (word) => `${word}-${Date.now().toString(36)}`;

const account = (page) => page.locator("header summary");

async function signOut(page) {
  await page.locator("header summary").click();
  await page.getByRole("button", { name: "Sign out" }).click();
  await page.getByText("You are signed out.").waitFor();
}

async function a_newcomer_gets_an_account_and_a_token({ page }) {
  const name = fresh("newcomer");
  await open(page, "/");
  await page.getByRole("link", { name: "Sign in" }).click();
  await page.getByRole("link", { name: "Make one" }).click();
  await page.getByLabel("Name", { exact: true }).fill(name);
  await page.getByLabel("Password").fill(PASSWORD);
  await page.getByRole("button", { name: "Make the account" }).click();
  await page.waitForURL("**/setup");
  assert.match(await account(page).innerText(), new RegExp(name));
  await open(page, "/settings");
  await page.getByRole("link", { name: "Access tokens" }).click();
  await page.getByLabel("Name", { exact: true }).fill("laptop");
  await page.getByLabel("read and write").check();
  await page.getByRole("button", { name: "Make the token" }).click();
  const token = (await page.getByText(/^hf_/).first().innerText()).trim();
  const who = await fetch(`${HUB}/api/whoami-v2`, { headers: { authorization: `Bearer ${token}` } });
  assert.equal((await who.json()).name, name);
  await page.getByRole("button", { name: "Revoke laptop" }).click();
  await page.getByText("The token is revoked.").waitFor();
  const gone = await fetch(`${HUB}/api/whoami-v2`, { headers: { authorization: `Bearer ${token}` } });
  assert.equal(gone.status, 401);
  await signOut(page);
  await signIn(page, name);
  assert.match(await account(page).innerText(), new RegExp(name));
}

async function a_wrong_password_is_told_and_the_right_one_leads_back(visit) {
  const { page } = visit;
  const name = fresh("forgetful");
  await join(page, name);
  await signOut(page);
  visit.allow(/status of 401/);
  await open(page, "/settings/keys");
  assert.equal(new URL(page.url()).pathname, "/login");
  await page.getByLabel("Name or mail address").fill(name);
  await page.getByLabel("Password").fill("not this one");
  await page.getByRole("button", { name: "Sign in" }).click();
  await page.getByRole("alert").getByText("There is no account with this name and password.").waitFor();
  await page.getByLabel("Password").fill(PASSWORD);
  await page.keyboard.press("Enter");
  await page.waitForURL("**/settings/keys");
}

async function a_second_factor_is_asked_for({ page }) {
  const name = fresh("careful");
  await join(page, name);
  await open(page, "/settings/password");
  await page.getByRole("link", { name: "Set one up" }).click();
  await page.getByRole("img", { name: "The secret as a QR code" }).waitFor();
  const secret = await page.getByText(/^[A-Z2-7 ]{32,}$/).innerText();
  await page.getByLabel("The six digits it shows now").fill(totp(secret));
  await page.getByRole("button", { name: "Turn it on" }).click();
  const codes = (await page.getByText(/^[0-9a-f]{16}$/m).innerText()).trim().split("\n");
  assert.equal(codes.length, 10);
  await signOut(page);
  await signIn(page, name);
  await page.getByLabel("Code").fill(codes[0]);
  await page.getByRole("button", { name: "Sign in" }).click();
  await page.waitForURL(`${HUB}/`);
  await open(page, "/settings/password");
  await page.getByText("9 recovery codes are left").waitFor();
}

async function another_browser_is_signed_out({ page, context }, browser) {
  const name = fresh("two-screens");
  await join(page, name);
  const other = await browser.newContext({ baseURL: HUB });
  const there = await other.newPage();
  await signIn(there, name);
  await open(page, "/settings/sessions");
  await page.getByRole("button", { name: "Sign all others out" }).click();
  await page.getByText("All other browsers are signed out.").waitFor();
  await open(there, "/");
  await there.getByRole("link", { name: "Sign in" }).waitFor();
  await other.close();
  assert.equal((await context.cookies()).filter((cookie) => !cookie.httpOnly).length, 0);
}

/** The text of the newest mail to this address. */
async function mailTo(address) {
  const folder = process.env.STEELYARD_MAIL;
  for (let tries = 0; tries < 100; tries += 1) {
    for (const name of (await readdir(folder).catch(() => [])).filter((name) => name.endsWith(".eml"))) {
      const text = await readFile(path(folder, name), "utf8");
      if (text.includes(`To: ${address}`)) return text;
    }
    await pause(200);
  }
  throw new Error(`no mail to ${address}`);
}

async function a_forgotten_password_is_set_anew_by_mail({ page }) {
  const name = fresh("mailed");
  const address = `${name}@example.org`;
  await open(page, "/join");
  await page.getByLabel("Name", { exact: true }).fill(name);
  await page.getByLabel("Mail address").fill(address);
  await page.getByLabel("Password").fill(PASSWORD);
  await page.getByRole("button", { name: "Make the account" }).click();
  await page.waitForURL("**/setup");
  await signOut(page);
  await page.getByRole("link", { name: "I forgot my password" }).click();
  await page.getByLabel("Name or mail address").fill(address);
  await page.getByRole("button", { name: "Send me a code" }).click();
  await page.getByText("a code is on its way").waitFor();
  const [code] = (await mailTo(address)).match(/[0-9a-z]{5}(-[0-9a-z]{5}){3}/);
  await page.getByLabel("Code").fill(code);
  await page.getByLabel("New password").fill("a-newer-password-2");
  await page.getByRole("button", { name: "Set the password" }).click();
  await page.getByText("Your password is set.").waitFor();
  await signIn(page, name, "a-newer-password-2");
  assert.match(await account(page).innerText(), new RegExp(name));
}

async function a_profile_is_written_and_a_key_is_kept({ page }) {
  const name = fresh("vain");
  await join(page, name);
  await open(page, "/settings/profile");
  await page.getByLabel("Display name").fill("Ada & Co");
  await page.getByLabel("About").fill("Weighs <b>things</b>.");
  await page.getByRole("button", { name: "Save" }).click();
  await page.getByRole("status").waitFor();
  await page.getByRole("link", { name: "See the page" }).click();
  await page.getByText("Weighs <b>things</b>.").waitFor();
  await page.getByText("Ada & Co").waitFor();
  await open(page, "/settings/keys");
  await page.getByLabel(/^Title/).fill("laptop");
  await page.getByLabel("Public key").fill("ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIOMqqnkVzrm0SdG6UOoqKLsabgH5C9okWi0dh2l9GKJl me@laptop");
  await page.getByRole("button", { name: "Add the key" }).click();
  await page.getByText(/SHA256:/).waitFor();
  await page.getByRole("button", { name: "Delete laptop" }).click();
  await page.getByText("You have no key here.").waitFor();
}

async function a_password_is_changed({ page }, browser) {
  const name = fresh("changed");
  await join(page, name);
  const other = await browser.newContext({ baseURL: HUB });
  const there = await other.newPage();
  await signIn(there, name);
  await open(page, "/settings/password");
  await page.getByLabel("Current password").first().fill(PASSWORD);
  await page.getByLabel("New password").fill("a-newer-password-3");
  await page.getByRole("button", { name: "Change the password" }).click();
  await page.getByRole("status").waitFor();
  await there.goto("/settings/profile");
  assert.equal(new URL(there.url()).pathname, "/login", "other browsers are signed out");
  await signIn(there, name, "a-newer-password-3");
  await open(there, "/settings/profile");
  await other.close();
}

async function everybody_can_use_the_pages_of_accounts(visit) {
  assert.deepEqual(await findings(visit, DOORS), []);
  await join(visit.page, fresh("looker"));
  assert.deepEqual(await findings(visit, SETTINGS), []);
}

export const flows = [
  both(a_newcomer_gets_an_account_and_a_token),
  both(a_wrong_password_is_told_and_the_right_one_leads_back),
  both(a_second_factor_is_asked_for),
  scripted(another_browser_is_signed_out),
  both(a_forgotten_password_is_set_anew_by_mail),
  both(a_profile_is_written_and_a_key_is_kept),
  both(a_password_is_changed),
  scripted(everybody_can_use_the_pages_of_accounts),
];
