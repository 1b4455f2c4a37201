// What is there to be read: alice's repositories, made over the API as clients make them, beside a seeded catalogue.

import { HUB, hubClient } from "./browser.mjs";
import { HOSTILE } from "./vectors.mjs";

const TOKEN = process.env.HF_TOKEN;
export const ALICE = "alice";

async function ask(method, path, body, type = "application/json") {
  const headers = { authorization: `Bearer ${TOKEN}` };
  if (body !== undefined) headers["content-type"] = type;
  const answer = await fetch(HUB + path, { method, headers, body });
  if (!answer.ok) throw new Error(`${method} ${path}: ${answer.status} ${await answer.text()}`);
  return answer.json();
}

/** Creates a repository of alice's. */
export const repo = (kind, name, more = {}) =>
  ask("POST", "/api/repos/create", JSON.stringify({ name, type: kind, ...more }));

/** Commits files, texts or bytes, to main or as a pull request; returns the commit's id. */
export async function commit(kind, name, summary, files, { proposed = false } = {}) {
  const lines = [{ key: "header", value: { summary } }];
  for (const [path, content] of Object.entries(files)) {
    const value = { path, content: Buffer.from(content).toString("base64"), encoding: "base64" };
    lines.push({ key: "file", value });
  }
  const body = lines.map((line) => JSON.stringify(line)).join("\n");
  const made = await ask("POST", `/api/${kind}s/${ALICE}/${name}/commit/main${proposed ? "?create_pr=1" : ""}`, body, "application/x-ndjson");
  return made.commitOid;
}

/** A file of weights: these tensors, all zero. */
export function safetensors(shapes) {
  const header = { __metadata__: { format: "pt" } };
  let at = 0;
  for (const [name, shape] of Object.entries(shapes)) {
    const end = at + 4 * shape.reduce((product, side) => product * side, 1);
    header[name] = { dtype: "F32", shape, data_offsets: [at, end] };
    at = end;
  }
  const text = Buffer.from(JSON.stringify(header));
  const length = Buffer.alloc(8);
  length.writeBigUInt64LE(BigInt(text.length));
  return Buffer.concat([length, text, Buffer.alloc(at)]);
}

/** The smallest PNG: one dark pixel. */
const PIXEL = Buffer.from(
  "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M/wHwAEBgIApD5fRAAAAABJRU5ErkJggg==",
  "base64",
);

const BERT_CARD = `---
license: apache-2.0
language: en
library_name: transformers
pipeline_tag: fill-mask
tags: [zoo, masked-lm]
widget:
- text: An okapi at dusk
  output: {url: images/plot.png}
model-index:
- name: zoo-bert
  results:
  - task: {type: fill-mask}
    dataset: {name: Zoo, type: ${ALICE}/zoo-rows, split: test}
    metrics:
    - {type: accuracy, value: 0.874}
---
# Zoo BERT

Guesses the missing animal. See [the notes](docs/notes.md) and [how it was trained](#training).

![Loss over time](images/plot.png)

> [!WARNING]
> It has seen no [lion](docs/notes.md).

> [!NOTE]
> It has seen many okapis.

> [!CAUTION]
> It may \`bite\`.

> [!TIP]
> Feed it.

> [!IMPORTANT]
> Close the gate.

<Gallery />

| animal | share |
|---|---:|
| okapi | 0.61 |
| tapir | 0.39 |

## Training

- [x] collected
- [ ] cleaned

\`\`\`python
print("okapi")
\`\`\`

The loss is $-\\log p$.
`;

const NOTEBOOK = {
  nbformat: 4,
  nbformat_minor: 5,
  metadata: { language_info: { name: "python" } },
  cells: [
    { cell_type: "markdown", metadata: {}, source: ["## Counting okapis\n", "One, two."] },
    {
      cell_type: "code",
      execution_count: 7,
      metadata: {},
      source: "count = 2",
      outputs: [{ output_type: "stream", name: "stdout", text: ["two okapis\n"] }],
    },
  ],
};

const TUNE_INDEX = `model-index:
- name: zoo-tune
  results:
  - task: {type: fill-mask}
    dataset: {name: Zoo, type: ${ALICE}/zoo-rows, split: test}
    metrics:
    - {type: acc, value: 0.902}
`;

/** What somebody else measured. */
const PROPOSED = `- dataset: {id: ${ALICE}/zoo-rows, task_id: animals}
  value: 61.5
  source: {name: Logs of the runs, url: "https://example.org/logs"}
  notes: 5-shot, lm-eval v0.4.8
`;

const FILES = {
  "README.md": BERT_CARD,
  "config.json": JSON.stringify({ model_type: "bert", architectures: ["BertForMaskedLM"], vocab_size: 100 }, null, 2),
  "docs/notes.md": "---\ntitle: Notes\n---\n# Notes\n\nOkapis are shy. Back to [the card](../README.md).\n",
  "docs/chart.svg": '<svg xmlns="http://www.w3.org/2000/svg" width="40" height="20"><rect width="40" height="20" fill="#963"/></svg>',
  "images/plot.png": PIXEL,
  "data/animals.csv": "name,legs,share\nokapi,4,0.61\ntapir,4,0.39\n",
  "notes.ipynb": JSON.stringify(NOTEBOOK),
  "train.py": 'import zoo\n\n# How many rounds.\nROUNDS = 3\n\n\ndef train(model):\n    return [model.step(n) for n in range(ROUNDS)]\n',
};

const WEIGHTS = {
  "embeddings.weight": [100, 16],
  "encoder.layer.0.attention.weight": [16, 16],
  "encoder.layer.0.attention.bias": [16],
  "pooler.weight": [16, 16],
};

async function models() {
  await repo("model", "zoo-bert");
  await commit("model", "zoo-bert", "Add the model", FILES);
  // Weights go as a client sends them, so that they are stored apart from git.
  await hubClient.uploadFiles({
    repo: { type: "model", name: `${ALICE}/zoo-bert` },
    files: [{ path: "model.safetensors", content: new Blob([safetensors(WEIGHTS)]) }],
    commitTitle: "Add weights",
    hubUrl: HUB,
    accessToken: TOKEN,
  });
  await commit("model", "zoo-bert", "Train for longer", { "train.py": FILES["train.py"].replace("= 3", "= 30") });
  await repo("model", "zoo-tune");
  const card = `---\nlicense: mit\nbase_model: ${ALICE}/zoo-bert\nbase_model_relation: finetune\npipeline_tag: fill-mask\ndatasets: [${ALICE}/zoo-rows]\n${TUNE_INDEX}---\n# Zoo tune\n`;
  await commit("model", "zoo-tune", "Add the model", {
    "README.md": card,
    "model.safetensors": safetensors({ "w": [64, 64] }),
  });
}

/** Everything that the flows read, and what wants to harm them. */
export async function publish() {
  await models();
  await repo("dataset", "zoo-rows");
  await commit("dataset", "zoo-rows", "Add rows", {
    "README.md": "---\nlicense: cc-by-4.0\nlanguage: en\ntask_categories: [fill-mask]\nsize_categories: [n<1K]\n---\n# Zoo rows\n",
    "data/train.csv": "name,legs\nokapi,4\n",
    "data/train.jsonl": '{"name": "okapi", "legs": 4}\n',
  });
  await commit("model", "zoo-bert", "Five-shot results", { ".eval_results/zoo.yaml": PROPOSED }, { proposed: true });
  await repo("space", "zoo-demo", { sdk: "static" });
  await commit("space", "zoo-demo", "Add the page", { "index.html": "<h1>Zoo</h1>\n" });
  await repo("model", "hostile");
  await commit("model", "hostile", "Add <script>alert(1)</script>", HOSTILE);
  await readable();
}

/** Headers of weights are read soon after a commit, not within it. */
async function readable() {
  for (let tries = 0; tries < 150; tries += 1) {
    const found = await ask("GET", `/api/models?author=${ALICE}&num_parameters=min:1`);
    if (found.length >= 2) return;
    await new Promise((resolve) => setTimeout(resolve, 200));
  }
  throw new Error("headers of weights were not read in 30 s");
}
