// What huggingface.js must be able to do with large files.
//
// Usage: node huggingface_js.mjs NAMESPACE FOLDER, run beside a node_modules that has @huggingface/hub;
// HF_ENDPOINT and HF_TOKEN as for the other clients.

import assert from "node:assert/strict";
import { readdir, readFile, stat } from "node:fs/promises";
import { join, relative } from "node:path";
import { pathToFileURL } from "node:url";

import { createRepo, downloadFile, fileDownloadInfo, listFiles, uploadFiles } from "@huggingface/hub";

const [namespace, folder] = process.argv.slice(2);
const hubUrl = process.env.HF_ENDPOINT;
const accessToken = process.env.HF_TOKEN;

async function* walk(dir) {
	for (const entry of await readdir(dir, { withFileTypes: true })) {
		const path = join(dir, entry.name);
		if (entry.isDirectory()) yield* walk(path);
		else yield path;
	}
}

async function roundTrip(name, useXet) {
	const repo = { type: "model", name: `${namespace}/${name}` };
	await createRepo({ repo, hubUrl, accessToken });
	const files = [];
	for await (const path of walk(folder)) files.push(path);
	const uploads = files.map((path) => ({ path: relative(folder, path), content: pathToFileURL(path) }));
	await uploadFiles({ repo, files: uploads, hubUrl, accessToken, useXet });
	const listed = new Map();
	for await (const file of listFiles({ repo, recursive: true, hubUrl, accessToken })) listed.set(file.path, file);
	for (const path of files) {
		const inRepo = relative(folder, path);
		assert.equal(listed.get(inRepo)?.size, (await stat(path)).size, inRepo);
		const expected = await readFile(path);
		for (const xet of [true, false]) {
			const blob = await downloadFile({ repo, path: inRepo, hubUrl, accessToken, xet });
			const got = Buffer.from(await blob.arrayBuffer());
			assert.ok(got.equals(expected), `${inRepo} differs (xet: ${xet})`);
		}
	}
	return { repo, listed };
}

const { repo, listed } = await roundTrip("js-xet", true);
const large = [...listed.values()].filter((file) => file.lfs);
assert.ok(large.length > 0, "the folder must hold a large file");
for (const file of large) {
	assert.match(file.xetHash ?? "", /^[0-9a-f]{64}$/, file.path);
	const info = await fileDownloadInfo({ repo, path: file.path, hubUrl, accessToken });
	assert.equal(info.xet?.hash, file.xetHash, "the hub offers Xet for what it stores so");
}
await roundTrip("js-plain", false);
console.log("ok");
