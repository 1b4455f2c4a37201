// Pages that change something: a form is sent once, the editor shows what it makes, files go up in parts.
// Every page works without this file.

const csrf = document.querySelector("meta[name=csrf]")?.content ?? "";

export function start(part) {
  for (const form of part.querySelectorAll("form[method=post]")) once(form);
  const editor = part.querySelector("#editor");
  if (editor?.elements.text) guard(editor);
  if (editor?.matches(".with-card")) cardEditor(editor);
  const upload = part.querySelector("#upload");
  if (upload) uploader(upload);
}

// A second click while the first is under way sends nothing. Coming back by the browser's button frees the form again.
function once(form) {
  form.addEventListener("submit", (event) => {
    if (form.dataset.sent) return event.preventDefault();
    if (event.defaultPrevented) return;
    form.dataset.sent = "yes";
  });
  window.addEventListener("pageshow", () => delete form.dataset.sent);
}

/* The editor */

// What was typed and not sent, or sent and refused, is not lost without a question.
function guard({ dataset, elements: { text } }) {
  const refused = document.querySelector("#problem, #conflict");
  window.addEventListener("beforeunload", (event) => {
    if (!dataset.sent && (refused || text.value !== text.defaultValue)) event.preventDefault();
  });
}

// Changes a text as if it had been typed, so that it can be undone.
function retype(text, made) {
  const old = text.value;
  const most = Math.min(old.length, made.length);
  let [from, end] = [0, 0];
  while (from < most && old[from] === made[from]) from++;
  while (end < most - from && old.at(-1 - end) === made.at(-1 - end)) end++;
  const here = document.activeElement;
  const words = made.slice(from, made.length - end);
  text.focus();
  text.setSelectionRange(from, old.length - end);
  if (!document.execCommand(words ? "insertText" : "delete", false, words)) text.value = made;
  here.focus();
}

function cardEditor(form) {
  const text = form.elements.text;
  const side = form.querySelector("#side");
  const preview = form.querySelector("#preview");
  let asked = 0;
  let timer = 0;
  const ask = async (name, value) => {
    asked += 1;
    const mine = asked;
    const before = text.value;
    const body = new URLSearchParams(new FormData(form));
    body.set(name, value);
    const answer = await fetch(form.getAttribute("action"), { method: "POST", body, headers: { accept: "application/json" } });
    // What was typed meanwhile is newer than the answer.
    if (mine !== asked || text.value !== before || !answer.ok) return;
    show(await answer.json());
  };
  const show = (made) => {
    preview.innerHTML = made.html;
    side.innerHTML = made.side;
    if (made.problem) {
      const note = document.createElement("p");
      note.className = "banner bad";
      note.textContent = made.problem;
      side.prepend(note);
    }
    const now = made.text.replace(/\r\n/g, "\n");
    if (text.value !== now) retype(text, now);
    for (const part of form.querySelectorAll("[data-other]")) part.hidden = !made.other;
    for (const [key, value] of Object.entries(made.fields)) {
      const [field, was] = [form.elements[`meta_${key}`], form.elements[`was_${key}`]];
      if (!field || field === document.activeElement) continue;
      field.value = was.value = value;
    }
  };
  const later = (delay) => {
    clearTimeout(timer);
    timer = setTimeout(() => ask("action", "preview").catch(() => {}), delay);
  };
  text.addEventListener("input", () => later(500));
  form.addEventListener("change", (event) => {
    if (event.target.name?.startsWith("meta_")) later(0);
  });
  form.addEventListener("click", (event) => {
    const button = event.target.closest("button");
    if (button?.dataset.line) return toLine(text, Number(button.dataset.line));
    if (button?.name !== "fix" && !["preview", "template"].includes(button?.value)) return;
    event.preventDefault();
    clearTimeout(timer);
    ask(button.name, button.value).catch(() => {});
  });
}

function toLine(text, line) {
  const lines = text.value.split("\n");
  const from = lines.slice(0, line - 1).join("\n").length + (line > 1 ? 1 : 0);
  text.focus();
  text.setSelectionRange(from, from + (lines[line - 1] ?? "").length);
  text.scrollTop = (text.scrollHeight / lines.length) * Math.max(0, line - 4);
}

/* Uploading */

const PARTS_AT_ONCE = 3;
const TRIES = 6;
const ASK_AT_ONCE = 256;
// A commit's body is held in memory by the hub; what is larger goes in several.
const REGULAR_BYTES_MAX = 150 * 1024 * 1024;

const size = (bytes) => {
  const units = ["B", "kB", "MB", "GB", "TB"];
  let unit = 0;
  for (; bytes >= 999.5 && unit < 4; unit++) bytes /= 1000;
  return `${unit && bytes < 99.95 ? bytes.toFixed(1) : Math.round(bytes)} ${units[unit]}`;
};

class Refused extends Error {}

// JSON to the hub. What it refuses is refused; anything else is tried again.
async function call(address, body, signal, type = "application/json") {
  for (let attempt = 1; ; attempt++) {
    try {
      const answer = await fetch(address, {
        method: "POST",
        body: body instanceof Blob ? body : JSON.stringify(body),
        headers: { "content-type": type, accept: type.endsWith("ndjson") ? "application/json" : type, "x-csrf-token": csrf },
        signal,
      });
      const told = await answer.json().catch(() => ({}));
      if (answer.ok) return told;
      const words = told.error || told.message || `The hub answered ${answer.status}.`;
      if (answer.status < 500 && answer.status !== 429) throw new Refused(words);
      throw new Error(words);
    } catch (error) {
      if (error instanceof Refused || signal.aborted || attempt >= TRIES) throw error;
      await reach(attempt, signal);
    }
  }
}

// Waits before the next try, and while the browser knows that there is no network; not longer than it is wanted.
async function reach(attempt, signal) {
  const stopped = new Promise((done) => signal.addEventListener("abort", done, { once: true }));
  const online = new Promise((done) => window.addEventListener("online", done, { once: true }));
  if (!navigator.onLine) await Promise.race([stopped, online]);
  await Promise.race([stopped, new Promise((done) => setTimeout(done, Math.min(500 * 2 ** attempt, 15000)))]);
}

function put(address, blob, signal, progress) {
  return new Promise((done, fail) => {
    const request = new XMLHttpRequest();
    const stop = () => request.abort();
    request.open("PUT", address);
    request.upload.onprogress = (event) => progress(event.loaded);
    request.onerror = () => fail(new Error("The connection broke."));
    request.onabort = () => fail(new DOMException("Cancelled", "AbortError"));
    request.onloadend = () => signal.removeEventListener("abort", stop);
    request.onload = () => {
      if (request.status === 200) return done(request.getResponseHeader("etag"));
      const error = request.status < 500 && request.status !== 429 ? Refused : Error;
      fail(new error(`The hub answered ${request.status} to a part.`));
    };
    signal.addEventListener("abort", stop);
    request.send(blob);
  });
}

// Addresses are signed for this hub; which of its names they were made for does not matter.
const local = (href) => {
  const { pathname, search } = new URL(href, location.href);
  return pathname + search;
};

const base64 = (blob) =>
  new Promise((done, fail) => {
    const reader = new FileReader();
    reader.onload = () => done(reader.result.slice(reader.result.indexOf(",") + 1));
    reader.onerror = () => fail(reader.error);
    reader.readAsDataURL(blob);
  });

// What has arrived of large files, so that the next visit goes on there. Where it cannot be kept, only this visit knows it.
class Memory {
  constructor(name) {
    this.name = `steelyard-upload ${name}`;
    try {
      this.all = JSON.parse(localStorage.getItem(this.name)) ?? {};
    } catch {
      this.all = {};
    }
    const now = Date.now();
    for (const [key, one] of Object.entries(this.all)) if (one.expires && one.expires < now) delete this.all[key];
  }
  key({ path, file }) {
    return `${path}|${file.size}|${file.lastModified}`;
  }
  of(item) {
    return (this.all[this.key(item)] ??= {});
  }
  forget(item) {
    delete this.all[this.key(item)];
    this.save();
  }
  save() {
    try {
      if (Object.keys(this.all).length) localStorage.setItem(this.name, JSON.stringify(this.all));
      else localStorage.removeItem(this.name);
    } catch {}
  }
}

// Files of what was dropped, folders with everything in them.
async function dropped(transfer) {
  const walk = async (entry) => {
    if (entry.isFile) {
      const file = await new Promise((done, fail) => entry.file(done, fail));
      return [[entry.fullPath.replace(/^\//, ""), file]];
    }
    const reader = entry.createReader();
    const found = [];
    for (;;) {
      const some = await new Promise((done, fail) => reader.readEntries(done, fail));
      if (!some.length) return found;
      for (const one of some) found.push(...(await walk(one)));
    }
  };
  const entries = [...transfer.items].map((item) => item.webkitGetAsEntry?.()).filter(Boolean);
  if (!entries.length) return [...transfer.files].map((file) => [file.name, file]);
  return (await Promise.all(entries.map(walk))).flat();
}

function uploader(form) {
  const { api, base, revision, hasher } = form.dataset;
  const at = encodeURIComponent(revision);
  const memory = new Memory(`${base} ${revision}`);
  const queue = form.querySelector("#queue");
  const button = form.querySelector("button:not([type=button])");
  const input = form.elements.files;
  const items = [];
  const worker = new Worker(hasher);
  const hashing = new Map();
  let stop = null;
  input.required = false;
  // Fields of files would be sent by the form itself; the script sends them another way.
  input.removeAttribute("name");
  form.querySelector(".without").textContent = "Drop files and folders here, of any size. An upload that is cut goes on where it was.";
  const folderInput = document.createElement("input");
  folderInput.type = "file";
  folderInput.webkitdirectory = true;
  folderInput.hidden = true;
  const folderButton = document.createElement("button");
  folderButton.type = "button";
  folderButton.className = "plain";
  folderButton.textContent = "Choose a folder";
  folderButton.onclick = () => folderInput.click();
  input.after(folderInput, folderButton);

  const note = document.createElement("p");
  note.setAttribute("role", "status");
  queue.before(note);
  const left = Object.keys(memory.all).filter((key) => memory.all[key].parts);
  const names = left.map((key) => key.split("|")[0]).slice(0, 5).join(", ");
  if (names) say(`An upload was cut: ${names}. Choose the same files again, and it goes on where it was.`, "mind");

  function say(words, tone = "") {
    note.className = words ? `banner ${tone}` : "";
    note.textContent = words;
  }

  function add(found) {
    for (const [name, file] of found) if (!items.some((item) => item.name === name)) items.push(line({ name, file }));
    place();
    say("");
  }

  // The folder counts for all files, also for those that were chosen before it was named.
  function place() {
    if (stop) return;
    const folder = form.elements.folder.value.trim().replace(/^\/+|\/+$/g, "");
    for (const item of items) item.title.textContent = item.path = folder ? `${folder}/${item.name}` : item.name;
  }
  form.elements.folder.addEventListener("input", place);

  function line(item) {
    item.row = document.createElement("div");
    item.row.className = "going";
    item.title = document.createElement("span");
    item.bar = document.createElement("progress");
    item.bar.max = Math.max(item.file.size, 1);
    item.bar.value = 0;
    item.bar.setAttribute("aria-label", item.name);
    item.told = document.createElement("span");
    item.told.className = "num quiet";
    item.told.textContent = size(item.file.size);
    const away = document.createElement("button");
    away.type = "button";
    away.className = "plain";
    away.textContent = "Remove";
    away.setAttribute("aria-label", `Remove ${item.name}`);
    away.onclick = () => {
      if (stop) return;
      items.splice(items.indexOf(item), 1);
      memory.forget(item);
      item.row.remove();
    };
    item.row.append(item.title, item.bar, item.told, away);
    queue.append(item.row);
    return item;
  }

  function tell(item, words, value) {
    item.told.textContent = words;
    if (value !== undefined) item.bar.value = value;
  }

  worker.onmessage = ({ data }) => {
    const { item, done, fail } = hashing.get(data.id) ?? {};
    if (!item) return;
    if (data.done) return tell(item, "being read", data.done);
    hashing.delete(data.id);
    if (data.sha256) done(data.sha256);
    else fail(new Refused(`${item.path} cannot be read; choose it again.`));
  };
  worker.onerror = () => {
    for (const { fail } of hashing.values()) fail(new Refused("The script that reads files could not be loaded."));
    hashing.clear();
  };
  let ids = 0;
  const hash = (item) =>
    new Promise((done, fail) => {
      hashing.set(++ids, { item, done, fail });
      worker.postMessage({ id: ids, file: item.file });
    });

  // Which files go into git, which apart from it, and which are not wanted.
  async function sort(signal, query) {
    for (let from = 0; from < items.length; from += ASK_AT_ONCE) {
      const some = items.slice(from, from + ASK_AT_ONCE);
      const files = await Promise.all(
        some.map(async ({ path, file }) => ({ path, size: file.size, sample: await base64(file.slice(0, 512)) })),
      );
      const told = await call(`${api}/preupload/${at}${query}`, { files }, signal);
      // An empty file has no part that could go up.
      told.files.forEach(({ uploadMode, shouldIgnore }, index) => {
        Object.assign(some[index], { mode: some[index].file.size ? uploadMode : "regular", ignored: shouldIgnore });
      });
    }
  }

  async function large(item, signal) {
    const known = memory.of(item);
    known.sha256 ??= await hash(item);
    signal.throwIfAborted();
    item.sha256 = known.sha256;
    if (!known.parts) {
      const body = { operation: "upload", transfers: ["multipart"], hash_algo: "sha256", objects: [{ oid: item.sha256, size: item.file.size }] };
      const told = await call(`${base}.git/info/lfs/objects/batch`, body, signal, "application/vnd.git-lfs+json");
      const [object] = told.objects;
      if (object.error) throw new Refused(`${item.path}: ${object.error.message}`);
      if (!object.actions) return tell(item, "there already", item.file.size);
      const { href, header = {}, expires_at } = object.actions.upload;
      const numbers = Object.keys(header).filter((key) => /^\d+$/.test(key)).sort();
      known.verify = local(object.actions.verify.href);
      known.complete = local(href);
      known.chunk = Number(header.chunk_size);
      known.parts = numbers.map((key) => local(header[key]));
      known.etags = numbers.map(() => null);
      known.expires = Date.parse(expires_at) || 0;
    }
    memory.save();
    await parts(item, known, signal);
    tell(item, "being checked", item.file.size);
    await call(known.verify, { oid: item.sha256, size: item.file.size }, signal, "application/vnd.git-lfs+json");
  }

  async function parts(item, known, signal) {
    const { chunk, etags } = known;
    const under = new Map();
    const length = (number) => Math.min(chunk, item.file.size - number * chunk);
    const show = () => {
      let sent = 0;
      etags.forEach((etag, number) => (sent += etag ? length(number) : under.get(number) ?? 0));
      tell(item, `${size(sent)} of ${size(item.file.size)}`, sent);
    };
    const waiting = etags.map((etag, number) => (etag ? -1 : number)).filter((number) => number >= 0);
    const lane = async () => {
      for (let number = waiting.shift(); number !== undefined; number = waiting.shift()) {
        const blob = item.file.slice(number * chunk, number * chunk + length(number));
        const progress = (loaded) => {
          under.set(number, loaded);
          show();
        };
        etags[number] = await part(item, known.parts[number], blob, signal, progress);
        under.delete(number);
        memory.save();
        show();
      }
    };
    show();
    await Promise.all(Array.from({ length: PARTS_AT_ONCE }, lane));
    const body = { oid: item.sha256, parts: etags.map((etag, index) => ({ partNumber: index + 1, etag })) };
    await call(known.complete, body, signal);
  }

  async function part(item, address, blob, signal, progress) {
    for (let attempt = 1; ; attempt++) {
      signal.throwIfAborted();
      try {
        return await put(address, blob, signal, progress);
      } catch (error) {
        if (error instanceof Refused || signal.aborted || attempt >= TRIES) throw error;
        progress(0);
        say(`${error.message} Trying again.`, "mind");
        await reach(attempt, signal);
        say("");
      }
    }
  }

  // Everything is there before anything is committed: a cut leaves the branch as it was.
  async function commit(signal, query, wanted) {
    const fields = form.elements;
    const summary = fields.summary.value.trim() || (wanted.length === 1 ? `Upload ${wanted[0].path}` : `Upload ${wanted.length} files`);
    const lines = [{ key: "header", value: { summary, description: fields.description.value.trim() } }];
    for (const { path, mode, file, sha256 } of wanted) {
      if (mode === "lfs") lines.push({ key: "lfsFile", value: { path, algo: "sha256", oid: sha256, size: file.size } });
      else lines.push({ key: "file", value: { path, encoding: "base64", content: await base64(file) } });
    }
    const body = new Blob(lines.map((one) => `${JSON.stringify(one)}\n`));
    return call(`${api}/commit/${at}${query}`, body, signal, "application/x-ndjson");
  }

  async function run() {
    stop = new AbortController();
    const { signal } = stop;
    const query = form.elements.target.value === "pull" ? "?create_pr=1" : "";
    say("");
    button.textContent = "Cancel";
    try {
      await sort(signal, query);
      for (const item of items) if (item.ignored) tell(item, "left out by .gitignore");
      const wanted = items.filter((item) => !item.ignored);
      if (!wanted.length) throw new Refused("There is nothing to upload.");
      const regular = wanted.filter((item) => item.mode !== "lfs");
      if (regular.reduce((sum, item) => sum + item.file.size, 0) > REGULAR_BYTES_MAX) {
        throw new Refused(`Small files may have ${size(REGULAR_BYTES_MAX)} together in one upload; take fewer at a time.`);
      }
      for (const item of wanted.filter((item) => item.mode === "lfs")) {
        try {
          await large(item, signal);
        } catch (error) {
          // The addresses or the remembered hash are of no more use: the next try begins anew.
          if (error instanceof Refused) memory.forget(item);
          throw error;
        }
        tell(item, "arrived", item.file.size);
      }
      say("Being committed …");
      const made = await commit(signal, query, wanted);
      wanted.forEach((item) => memory.forget(item));
      const number = made.pullRequestUrl?.split("/").pop();
      // Nothing is under way any more that leaving could cut.
      stop = null;
      location.assign(`${base}/tree/${number ? encodeURIComponent(`refs/pr/${number}`) : at}`);
    } catch (error) {
      if (signal.aborted) say("Cancelled. Nothing was committed; what has arrived is kept for a while, and the next try goes on there.");
      else say(`${error.message} Nothing was committed.${error instanceof Refused ? "" : " Send it again, and it goes on where it was."}`, "bad");
    } finally {
      stop = null;
      button.textContent = "Upload";
      delete form.dataset.sent;
    }
  }

  input.addEventListener("change", () => {
    add([...input.files].map((file) => [file.name, file]));
    input.value = "";
  });
  folderInput.addEventListener("change", () => {
    add([...folderInput.files].map((file) => [file.webkitRelativePath || file.name, file]));
    folderInput.value = "";
  });
  const zone = form.querySelector(".drop");
  for (const kind of ["dragenter", "dragover"]) {
    zone.addEventListener(kind, (event) => {
      event.preventDefault();
      zone.classList.add("over");
    });
  }
  for (const kind of ["dragleave", "drop"]) zone.addEventListener(kind, () => zone.classList.remove("over"));
  zone.addEventListener("drop", async (event) => {
    event.preventDefault();
    add(await dropped(event.dataTransfer));
  });
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    if (stop) return stop.abort();
    if (!items.length) return say("Choose files first.", "mind");
    run();
  });
  window.addEventListener("beforeunload", (event) => {
    if (stop) event.preventDefault();
  });
}
