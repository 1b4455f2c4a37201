// Programs that come to an account: a person lets them in, keeps them out, and takes it back.
//
// The web app of these flows is this file: it sends a browser to the hub as an OAuth library does, takes what comes back
// at its own address, and asks for tokens with it.

import assert from "node:assert/strict";
import { createHash, randomBytes } from "node:crypto";

import { findings } from "./accessible.mjs";
import { HUB, open } from "./browser.mjs";
import { PASSWORD, join } from "./people.mjs";
import { both, scripted } from "./ways.mjs";

const CALLBACK = "http://localhost:7860/login/callback";

let count = 0;
const fresh = (word) => `${word}-${(count += 1)}`;

/** What an app sends to the hub without a browser; the answer's status and body. */
async function send(path, fields) {
  const answer = await fetch(HUB + path, { method: "POST", body: new URLSearchParams(fields) });
  return { status: answer.status, ...(await answer.json().catch(() => ({}))) };
}

async function who(token) {
  const answer = await fetch(`${HUB}/api/whoami-v2`, { headers: { authorization: `Bearer ${token}` } });
  return answer.ok ? (await answer.json()).name : answer.status;
}

/** The app's own pages, which are on no server: whatever address the hub sends the browser to is kept. */
async function listen(context) {
  const arrived = [];
  await context.route(`${CALLBACK}**`, (route) => {
    arrived.push(new URL(route.request().url()).searchParams);
    return route.fulfill({ contentType: "text/html", body: "<h1>Back at the app</h1>" });
  });
  return arrived;
}

/** Registers an app in the settings of who is signed in; what the page then says once. */
async function register(page, name, isPublic = false) {
  await open(page, "/settings/applications");
  await page.getByLabel("Name", { exact: true }).fill(name);
  await page.getByLabel("Sends people back to").fill(CALLBACK);
  await page.getByLabel("It can keep no secret").setChecked(isPublic);
  await page.getByRole("button", { name: "Register the app" }).click();
  const text = await page.getByText("OAUTH_CLIENT_ID").innerText();
  const lines = text.trim().split("\n").map((line) => [line.slice(0, line.indexOf("=")), line.slice(line.indexOf("=") + 1)]);
  return Object.fromEntries(lines);
}

/** The address to which an app sends a browser, found as its library finds it. */
async function authorize(app, more = {}) {
  const provider = app.OPENID_PROVIDER_URL;
  const found = await (await fetch(`${provider}/.well-known/openid-configuration`)).json();
  const verifier = randomBytes(32).toString("base64url");
  const fields = {
    client_id: app.OAUTH_CLIENT_ID,
    redirect_uri: CALLBACK,
    response_type: "code",
    scope: "openid profile read-repos",
    state: "the-state",
    code_challenge: createHash("sha256").update(verifier).digest("base64url"),
    code_challenge_method: "S256",
    ...more,
  };
  return { verifier, address: `${found.authorization_endpoint}?${new URLSearchParams(fields)}` };
}

async function a_web_app_is_let_in_and_put_out({ page, context }) {
  const name = fresh("maker");
  const arrived = await listen(context);
  await join(page, name);
  const app = await register(page, "Weighing room");
  const { verifier, address } = await authorize(app);
  await open(page, address);
  await page.getByRole("heading", { name: "Let Weighing room in?" }).waitFor();
  await page.getByText("localhost:7860", { exact: true }).waitFor();
  await page.getByRole("button", { name: "Allow" }).click();
  await page.getByRole("heading", { name: "Back at the app" }).waitFor();
  const [answer] = arrived;
  assert.equal(answer.get("state"), "the-state");
  assert.equal(answer.get("iss"), HUB);
  const exchange = {
    grant_type: "authorization_code",
    code: answer.get("code"),
    redirect_uri: CALLBACK,
    client_id: app.OAUTH_CLIENT_ID,
    client_secret: app.OAUTH_CLIENT_SECRET,
    code_verifier: verifier,
  };
  const tokens = await send("/oauth/token", exchange);
  assert.equal(tokens.status, 200, JSON.stringify(tokens));
  assert.equal(await who(tokens.access_token), name);
  const claims = JSON.parse(Buffer.from(tokens.id_token.split(".")[1], "base64url"));
  assert.equal(claims.preferred_username, name);
  await open(page, "/settings/applications");
  await page.getByRole("button", { name: "Revoke Weighing room" }).click();
  await page.getByText("No app acts for you.").waitFor();
  assert.equal(await who(tokens.access_token), 401);
}

async function a_web_app_is_kept_out({ page, context }) {
  const arrived = await listen(context);
  await join(page, fresh("wary"));
  const app = await register(page, "Curious", true);
  assert.equal(app.OAUTH_CLIENT_SECRET, undefined);
  await open(page, (await authorize(app)).address);
  await page.getByRole("button", { name: "Deny" }).click();
  await page.getByRole("heading", { name: "Back at the app" }).waitFor();
  assert.equal(arrived[0].get("error"), "access_denied");
  assert.equal(arrived[0].get("code"), null);
  await open(page, "/settings/applications");
  await page.getByText("No app acts for you.").waitFor();
}

async function an_app_that_lies_about_its_address_gets_nobody(visit) {
  const { page } = visit;
  visit.allow(/status of 400/);
  await join(page, fresh("target"));
  const app = await register(page, "Honest");
  const { address } = await authorize(app, { redirect_uri: "https://evil.example/login/callback" });
  await open(page, address, 400);
  await page.getByText("redirect_uri").first().waitFor();
  assert.equal(await page.getByRole("button", { name: "Allow" }).count(), 0);
}

/** An app sends somebody here who is not signed in: they sign in, and are asked then. */
async function who_is_not_signed_in_signs_in_first({ page, context }) {
  const name = fresh("late");
  await join(page, name);
  const app = await register(page, "Patient");
  const { address } = await authorize(app);
  await page.locator("header summary").click();
  await page.getByRole("button", { name: "Sign out" }).click();
  await page.getByText("You are signed out.").waitFor();
  const arrived = await listen(context);
  await page.goto(address);
  assert.equal(new URL(page.url()).pathname, "/login");
  await page.getByLabel("Name or mail address").fill(name);
  await page.getByLabel("Password").fill(PASSWORD);
  await page.getByRole("button", { name: "Sign in" }).click();
  await page.getByRole("button", { name: "Allow" }).click();
  await page.getByRole("heading", { name: "Back at the app" }).waitFor();
  assert.ok(arrived[0].get("code"));
}

async function a_program_without_a_browser_is_signed_in({ page }) {
  const name = fresh("shell");
  await join(page, name);
  const found = await (await fetch(`${HUB}/.well-known/openid-configuration`)).json();
  assert.equal(found.device_authorization_endpoint, `${HUB}/oauth/device`);
  const app = await register(page, "Terminal", true);
  const codes = await send("/oauth/device", { client_id: app.OAUTH_CLIENT_ID, scope: "openid read-repos" });
  assert.equal(codes.status, 200, JSON.stringify(codes));
  await open(page, "/oauth/device");
  await page.getByLabel("Code").fill(codes.user_code.toLowerCase());
  await page.getByRole("button", { name: "Go on" }).click();
  await page.getByText("Terminal").first().waitFor();
  await page.getByRole("button", { name: "Allow" }).click();
  await page.getByRole("status").waitFor();
  const grant = { grant_type: "urn:ietf:params:oauth:grant-type:device_code", device_code: codes.device_code };
  const tokens = await send("/oauth/token", { ...grant, client_id: app.OAUTH_CLIENT_ID });
  assert.equal(tokens.status, 200, JSON.stringify(tokens));
  assert.equal(await who(tokens.access_token), name);
  // Without its app nobody acts any more.
  await open(page, "/settings/applications");
  await page.getByRole("button", { name: "Delete Terminal" }).click();
  await page.getByText("You have registered none.").waitFor();
  assert.equal(await who(tokens.access_token), 401);
}

async function everybody_can_answer_an_app(visit) {
  const { page } = visit;
  await join(page, fresh("reader"));
  const app = await register(page, "Plain", true);
  const { address } = await authorize(app);
  const codes = await send("/oauth/device", { client_id: app.OAUTH_CLIENT_ID });
  const pages = [
    ["applications", "/settings/applications"],
    ["consent", address.slice(HUB.length)],
    ["device", "/oauth/device"],
    ["device with a code", `/oauth/device?user_code=${codes.user_code}`],
  ];
  assert.deepEqual(await findings(visit, pages), []);
}

export const flows = [
  both(a_web_app_is_let_in_and_put_out),
  both(a_web_app_is_kept_out),
  both(an_app_that_lies_about_its_address_gets_nobody),
  both(who_is_not_signed_in_signs_in_first),
  both(a_program_without_a_browser_is_signed_in),
  scripted(everybody_can_answer_an_app),
];
