// Who sits in front of the browser.

import { open } from "./browser.mjs";

/** The password that a test gives to everybody it creates. */
export const PASSWORD = "a-long-password-for-tests-1";

/** Fills in the form that asks for a password, and sends it. */
async function submit(page, name, password) {
  const form = page.locator("form", { has: page.locator("input[name=password]") });
  await form.locator("input[name=name]").fill(name);
  await form.locator("input[name=password]").fill(password);
  const address = page.url();
  await form.getByRole("button").click();
  await page.waitForURL((now) => now.pathname !== new URL(address).pathname);
}

/** Signs in through the real login page; fails if the hub does not take the password. */
export async function signIn(page, name, password = PASSWORD) {
  await open(page, "/login");
  await submit(page, name, password);
}

/** Sets a first or a new password with a code that an administrator handed out. */
export async function setPassword(page, code, password = PASSWORD) {
  await open(page, "/reset");
  await page.getByLabel("Code").fill(code);
  await page.getByLabel("New password").fill(password);
  await page.getByRole("button", { name: "Set the password" }).click();
  await page.getByText("Your password is set.").waitFor();
}

/** Makes an account through the page for it, on a hub that lets everybody; its owner is then signed in. */
export async function join(page, name, password = PASSWORD) {
  await open(page, "/join");
  await submit(page, name, password);
}
