import { SLUICE_VERSION } from "../common/version.ts";
import { DRAWING } from "./first-look-drawing.ts";
import { SCRIPT } from "./first-look-script.ts";
import { STYLE } from "./first-look-style.ts";

const SUBMIT_EARTHQUAKES =
  "npm run submit -- examples/earthquakes/job.ts --input earthquakes.ndjson=examples/earthquakes/earthquakes.ndjson";
const SUBMIT_WORDCOUNT = "npm run submit -- examples/wordcount/job.ts";

/** Three gates, each open a little wider. */
const MARK = `<rect x="2" y="3" width="5" height="18" rx="2"/><rect x="9.5" y="3" width="5" height="12" rx="2"/><rect x="17" y="3" width="5" height="6" rx="2"/>`;
const ICON = `data:image/svg+xml,${encodeURIComponent(
  `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 24 24" fill="#0f86a8">${MARK}</svg>`,
)}`;

const BROWSER_SCRIPT = `"use strict";(() => {${DRAWING}${SCRIPT}})();`;

/** The whole page: nothing else is fetched but the answers of the REST API, by relative addresses. */
export const FIRST_LOOK_HTML = `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>Sluice</title>
<link rel="icon" href="${ICON}">
<style>${STYLE}</style>
</head>
<body>
<header>
<svg class="mark" viewBox="0 0 24 24" aria-hidden="true">${MARK}</svg>
<h1>Sluice</h1>
<span class="version">${SLUICE_VERSION}</span>
<span id="pulse" role="status"></span>
</header>
<main>
<form id="token" class="panel" hidden>
<label for="token-field">This worker asks for its access token.</label>
<input id="token-field" type="password" autocomplete="off" spellcheck="false" required>
<button type="submit">Look inside</button>
<p id="token-error"></p>
</form>
<noscript><p class="panel">This page draws what the REST API says, which takes JavaScript. Without: <code>curl /v1/jobs/overview</code>.</p></noscript>
<section id="cluster" aria-label="Cluster"></section>
<section id="welcome" class="panel" hidden>
<h2>No job yet</h2>
<p>A week of earthquakes, slow enough to watch:</p>
<pre data-command="${SUBMIT_EARTHQUAKES}">${SUBMIT_EARTHQUAKES}</pre>
<p>Words of a conversation, counted by the minute:</p>
<pre data-command="${SUBMIT_WORDCOUNT}">${SUBMIT_WORDCOUNT}</pre>
</section>
<section id="jobs" aria-label="Jobs"></section>
<section id="job" aria-label="Selected job"></section>
</main>
<script>${BROWSER_SCRIPT}</script>
</body>
</html>
`;

/**
 * The page for people who open the worker's address in a browser: `GET` or `HEAD` of `/` by a client that names `text/html`
 * among what it accepts. Needs no token, as it holds no data; what it asks the REST API for does.
 *
 * @returns `undefined` for every other request, which is the REST endpoint's.
 */
export function answerFirstLook(request: Request): Promise<Response> | undefined {
  if (request.method !== "GET" && request.method !== "HEAD") return undefined;
  if (new URL(request.url).pathname !== "/" || !acceptsHtml(request)) return undefined;
  return firstLookResponse(request.method);
}

async function firstLookResponse(method: string): Promise<Response> {
  const [scriptSource, styleSource] = await Promise.all([sourceOf(BROWSER_SCRIPT), sourceOf(STYLE)]);
  const policy = [
    "default-src 'none'",
    `script-src ${scriptSource}`,
    `style-src ${styleSource}`,
    "img-src data:",
    "connect-src 'self'",
    "base-uri 'none'",
    "form-action 'none'",
    "frame-ancestors 'none'",
  ];
  return new Response(method === "HEAD" ? null : FIRST_LOOK_HTML, {
    headers: {
      "content-type": "text/html; charset=UTF-8",
      "content-security-policy": policy.join("; "),
      "x-content-type-options": "nosniff",
      "referrer-policy": "no-referrer",
      "cache-control": "no-cache",
      vary: "Accept",
    },
  });
}

/** Wildcards do not count: `curl` and Flink's clients send them, and are told what Flink would tell them. */
function acceptsHtml(request: Request): boolean {
  const ranges = (request.headers.get("accept") ?? "").toLowerCase().split(",");
  return ranges.some((range) => /^\s*text\/html\s*(;|$)/.test(range) && !/;\s*q=0(\.0*)?\s*(;|$)/.test(range));
}

/** How a content security policy names one inline text. */
async function sourceOf(text: string): Promise<string> {
  const hash = new Uint8Array(await crypto.subtle.digest("SHA-256", new TextEncoder().encode(text)));
  return `'sha256-${btoa(String.fromCodePoint(...hash))}'`;
}
