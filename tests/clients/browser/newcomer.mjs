// Somebody who has never seen the hub, and follows what the pages say: an account, a repository, files, a card, and the way to it.

import assert from "node:assert/strict";
import { mkdir, readFile, writeFile } from "node:fs/promises";
import { createHash } from "node:crypto";
import { join as path } from "node:path";

import { open } from "./browser.mjs";
import { PASSWORD } from "./people.mjs";
import { safetensors } from "./scene.mjs";
import { both } from "./ways.mjs";

const NAME = "tiny-okapi";

/** Puts a small model on the disk; returns its files. */
async function model() {
  const folder = path(process.env.HOME, `model-${Date.now()}`);
  await mkdir(folder, { recursive: true });
  const files = {
    "config.json": JSON.stringify({ model_type: "bert", architectures: ["BertForSequenceClassification"], hidden_size: 64 }),
    "tokenizer.json": JSON.stringify({ version: "1.0", model: { type: "WordPiece", vocab: { okapi: 0 } } }),
    "model.safetensors": safetensors({ "embeddings.weight": [30000, 64], "classifier.weight": [2, 64] }),
  };
  for (const [name, content] of Object.entries(files)) await writeFile(path(folder, name), content);
  return Object.keys(files).map((name) => path(folder, name));
}

/** From the front page to an account of one's own. */
async function makeAccount(page, name) {
  await open(page, "/");
  await page.getByRole("link", { name: "Sign in" }).click();
  await page.getByRole("link", { name: "Make one" }).click();
  await page.getByLabel("Name", { exact: true }).fill(name);
  await page.getByLabel("Password").fill(PASSWORD);
  await page.getByRole("button", { name: "Make the account" }).click();
  await page.waitForURL("**/setup");
}

async function makeRepository(page) {
  await page.locator("header summary").click();
  await page.getByRole("link", { name: "New repository" }).click();
  await page.getByLabel("Name", { exact: true }).fill(NAME);
  await page.getByRole("button", { name: "Make the model" }).click();
  await page.getByRole("heading", { name: "Put files in" }).waitFor();
}

async function upload(page, files) {
  await page.getByRole("link", { name: "Add files" }).first().click();
  await page.getByLabel("Files", { exact: true }).setInputFiles(files);
  await page.getByLabel("Commit message").fill("The model");
  await page.getByRole("button", { name: "Upload", exact: true }).click();
  await page.getByRole("link", { name: "model.safetensors", exact: true }).waitFor();
}

async function fixTheCard(page) {
  await page.getByRole("link", { name: "Card", exact: true }).click();
  await page.getByRole("link", { name: "Edit it" }).click();
  await page.getByLabel("Task").fill("text-classification");
  await page.getByLabel("Licence").fill("apache-2.0");
  await page.getByLabel("Languages").fill("en");
  await page.getByRole("button", { name: "Save" }).click();
  await page.waitForURL((address) => !address.pathname.includes("/edit/"));
}

async function somebody_makes_uploads_describes_and_finds_a_model({ page, script }) {
  const name = `okapi-${script ? "s" : "p"}${Date.now().toString(36)}`;
  const files = await model();
  await makeAccount(page, name);
  await makeRepository(page);
  await upload(page, files);
  await fixTheCard(page);
  await open(page, "/models?q=task:text-classification+license:apache-2.0+size:%3C100MB+lang:en");
  await page.getByRole("link", { name: `${name}/${NAME}` }).click();
  await page.getByText("Download with hf").click();
  const command = await page.getByText(/hf download/).first().innerText();
  const content = await readFile(files.find((file) => file.endsWith("safetensors")));
  // What the page says is then done by the test that started this (tests/tests/browser.rs).
  console.log(`COMMAND ${command.trim().replaceAll("\n", " && ")}`);
  console.log(`SHA256 ${createHash("sha256").update(content).digest("hex")}`);
}

export const flows = [both(somebody_makes_uploads_describes_and_finds_a_model)];
