// Conveniences on pages that work without them: the theme, copying, suggestions, filtering a table.

const root = document.documentElement;

function theme() {
  const button = document.querySelector("[data-theme-switch]");
  if (!button) return;
  button.hidden = false;
  button.addEventListener("click", () => {
    const system = matchMedia("(prefers-color-scheme: dark)").matches ? "dark" : "light";
    const now = root.dataset.theme || system;
    root.dataset.theme = now === "dark" ? "light" : "dark";
    const secure = location.protocol === "https:" ? "; Secure" : "";
    document.cookie = `theme=${root.dataset.theme}; Path=/; Max-Age=31536000; SameSite=Lax${secure}`;
  });
}

function copying() {
  if (!navigator.clipboard) return;
  for (const block of document.querySelectorAll("pre[data-copy], .prose pre")) {
    const box = document.createElement("div");
    box.className = "copybox";
    block.replaceWith(box);
    const button = document.createElement("button");
    button.type = "button";
    button.className = "copy";
    button.textContent = "Copy";
    button.addEventListener("click", async () => {
      await navigator.clipboard.writeText(block.textContent);
      button.textContent = "Copied";
      setTimeout(() => (button.textContent = "Copy"), 1500);
    });
    box.append(block, button);
  }
}

// A list under a field. `ask` gives [{text, about}]; a newer question makes an older answer worthless.
function suggesting(input, ask) {
  const list = document.createElement("ul");
  list.className = "suggest";
  list.id = `${input.id}-suggest`;
  list.setAttribute("role", "listbox");
  list.hidden = true;
  input.parentElement.append(list);
  input.setAttribute("role", "combobox");
  input.setAttribute("aria-controls", list.id);
  input.setAttribute("aria-expanded", "false");
  let items = [];
  let at = -1;
  let asked = 0;
  let timer = 0;
  const show = () => {
    list.replaceChildren(
      ...items.map((item, number) => {
        const line = document.createElement("li");
        line.id = `${list.id}-${number}`;
        line.setAttribute("role", "option");
        line.setAttribute("aria-selected", String(number === at));
        const text = document.createElement("code");
        text.textContent = item.text;
        const about = document.createElement("span");
        about.textContent = item.about || "";
        line.append(text, about);
        line.addEventListener("mousedown", (event) => {
          event.preventDefault();
          take(number);
        });
        return line;
      }),
    );
    list.hidden = items.length === 0;
    input.setAttribute("aria-expanded", String(!list.hidden));
    if (at >= 0) input.setAttribute("aria-activedescendant", `${list.id}-${at}`);
    else input.removeAttribute("aria-activedescendant");
  };
  const close = () => {
    items = [];
    at = -1;
    asked += 1;
    show();
  };
  const take = (number) => {
    input.value = items[number].text;
    close();
    input.focus();
  };
  input.addEventListener("input", () => {
    clearTimeout(timer);
    timer = setTimeout(async () => {
      asked += 1;
      const mine = asked;
      const found = input.value.trim() ? await ask(input.value, input.selectionStart).catch(() => []) : [];
      if (mine !== asked) return;
      items = found.slice(0, 8);
      at = -1;
      show();
    }, 90);
  });
  input.addEventListener("keydown", (event) => {
    if (list.hidden) return;
    if (event.key === "ArrowDown") at = (at + 1) % items.length;
    else if (event.key === "ArrowUp") at = (at <= 0 ? items.length : at) - 1;
    else if (event.key === "Escape") return close();
    else if ((event.key === "Enter" || event.key === "Tab") && at >= 0) {
      event.preventDefault();
      return take(at);
    } else return;
    event.preventDefault();
    show();
  });
  input.addEventListener("blur", close);
}

const json = async (address) => {
  const answer = await fetch(address, { headers: { accept: "application/json" } });
  return answer.ok ? answer.json() : [];
};

function fields() {
  for (const input of document.querySelectorAll("input[data-suggest]")) {
    suggesting(input, (text, at) => {
      const bytes = new TextEncoder().encode(text.slice(0, at)).length;
      return json(`/api/search/suggest?q=${encodeURIComponent(text)}&at=${bytes}`);
    });
  }
  for (const input of document.querySelectorAll("input[data-complete]")) {
    input.removeAttribute("list");
    suggesting(input, async (text) => {
      // Of several with commas between them, the last one.
      const [, before, word] = /^(.*,\s*)?(.*)$/.exec(text);
      const found = await json(`/api/quicksearch?q=${encodeURIComponent(word)}&limit=8`);
      return (found[input.dataset.complete || "models"] || []).map(({ id }) => ({ text: (before || "") + id, about: "" }));
    });
  }
}

function filtering() {
  for (const input of document.querySelectorAll("input[data-filter]")) {
    const table = document.querySelector(input.dataset.filter);
    if (!table) continue;
    input.addEventListener("input", () => {
      const wanted = input.value.toLowerCase();
      for (const row of table.tBodies[0].rows) {
        row.hidden = !row.cells[0].textContent.toLowerCase().includes(wanted);
      }
    });
  }
}

// What does not fit and scrolls can be scrolled by keyboard, also where nothing in it takes the focus.
function scrolling() {
  const watch = new ResizeObserver((entries) => {
    for (const { target } of entries) {
      const scrolls = target.scrollWidth > target.clientWidth || target.scrollHeight > target.clientHeight;
      if (scrolls && !target.querySelector("a, button, input")) target.tabIndex = 0;
      else target.removeAttribute("tabindex");
    }
  });
  for (const block of document.querySelectorAll("pre, .copybox code, .scroll, .prose table, math[display=block]")) watch.observe(block);
}

// On a narrow screen the filters begin closed, unless all words of one are asked for: the list is what one came for.
function narrow() {
  const filters = document.querySelector(".facets-all");
  if (filters && !location.search.includes("more=") && matchMedia("(max-width: 48rem)").matches) filters.open = false;
}

// Pages that change something bring a script of their own.
for (const part of document.querySelectorAll("[data-module]")) {
  import(part.dataset.module).then((module) => module.start(part));
}

theme();
copying();
fields();
filtering();
scrolling();
narrow();
