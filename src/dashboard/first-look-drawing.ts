/**
 * The part of the page's script that turns answers of the REST API into elements: no requests, no state. Data becomes text nodes
 * and attributes, never markup. Browser JavaScript as text, because the page is one document that every host can serve.
 */
export const DRAWING = String.raw`
const SVG = "http://www.w3.org/2000/svg";
const SVG_TAGS = new Set(["svg", "rect", "path", "text", "g", "title"]);
const TINTS = {
  RUNNING: "running", FINISHED: "finished", FAILED: "failed", FAILING: "failed", CANCELED: "canceled", CANCELING: "canceled",
  CANCELLING: "canceled", SUSPENDED: "canceled",
};
const tint = (state) => "tint-" + (TINTS[state.toUpperCase()] ?? "waiting");

/* An element of HTML, or of SVG where the tag is one of SVG's. Children: elements, texts, or undefined for none. */
function h(tag, attributes, ...children) {
  const element = SVG_TAGS.has(tag) ? document.createElementNS(SVG, tag) : document.createElement(tag);
  for (const [name, value] of Object.entries(attributes ?? {})) {
    if (value !== undefined && value !== false) element.setAttribute(name, value === true ? "" : String(value));
  }
  for (const child of children.flat()) {
    if (child === undefined) continue;
    element.append(typeof child === "object" ? child : document.createTextNode(String(child)));
  }
  return element;
}

/* Makes the children of an element like others, keeping what is alike: focus, selection and scrolling survive a refresh. */
function morph(live, wanted) {
  wanted.forEach((next, index) => {
    const now = live.childNodes[index];
    if (now === undefined) live.append(next);
    else if (now.nodeName !== next.nodeName) now.replaceWith(next);
    else if (now.nodeType === Node.TEXT_NODE) {
      if (now.data !== next.data) now.data = next.data;
    } else {
      for (const { name } of [...now.attributes]) if (!next.hasAttribute(name)) now.removeAttribute(name);
      for (const { name, value } of next.attributes) if (now.getAttribute(name) !== value) now.setAttribute(name, value);
      morph(now, [...next.childNodes]);
    }
  });
  while (live.childNodes.length > wanted.length) live.lastChild.remove();
}

const whole = new Intl.NumberFormat("en");
const compact = new Intl.NumberFormat("en", { notation: "compact", maximumFractionDigits: 1 });
const number = (value) => (Math.abs(value) < 100000 ? whole : compact).format(value);
const clockTime = new Intl.DateTimeFormat(undefined, { hour: "2-digit", minute: "2-digit", second: "2-digit", hourCycle: "h23" });
const fullTime = new Intl.DateTimeFormat(undefined, { dateStyle: "medium", timeStyle: "medium" });
const dayTime = new Intl.DateTimeFormat(undefined, { month: "short", day: "numeric", hour: "2-digit", minute: "2-digit", hourCycle: "h23" });

function started(millis) {
  if (millis < 0) return "";
  const sameDay = new Date(millis).toDateString() === new Date().toDateString();
  return (sameDay ? clockTime : dayTime).format(millis);
}

function duration(millis) {
  if (millis < 0) return "";
  const seconds = Math.floor(millis / 1000);
  if (seconds < 60) return (millis < 10000 ? (millis / 1000).toFixed(1) : seconds) + " s";
  const minutes = Math.floor(seconds / 60);
  if (minutes < 60) return minutes + " min " + (seconds % 60) + " s";
  const hours = Math.floor(minutes / 60);
  return hours < 48 ? hours + " h " + (minutes % 60) + " min" : Math.floor(hours / 24) + " d " + (hours % 24) + " h";
}

/* Chains of operators, with a real arrow. */
const spoken = (name) => name.replaceAll(" -> ", " → ");

const stateOf = (state) => h("span", { class: "state " + tint(state) }, state);

function drawCluster(overview) {
  const card = (value, label, colour) =>
    h("div", { class: "panel card " + (value === 0 ? "zero " : "") + (colour === undefined ? "" : "tint-" + colour) },
      h("b", null, number(value)), h("span", null, label));
  const slots = overview["slots-total"];
  const used = slots - overview["slots-available"];
  return [h("div", { class: "cards" },
    card(overview["jobs-running"], "running", "running"),
    card(overview["jobs-finished"], "finished", "finished"),
    card(overview["jobs-failed"], "failed", "failed"),
    card(overview["jobs-cancelled"], "canceled"),
    card(overview["taskmanagers"], "task managers"),
    h("div", { class: "panel card" + (slots === 0 ? " zero" : "") },
      h("b", null, number(used), h("small", null, " / " + number(slots))), h("span", null, "slots in use")))];
}

/* One strip, divided among states in proportion to their counts. */
function bar(counts, total) {
  let position = 0;
  const parts = counts.filter(([, count]) => count > 0).map(([state, count]) => {
    const share = (100 * count) / total;
    const part = h("rect", { class: tint(state), x: position + "%", y: 0, width: share + "%", height: 8 });
    position += share;
    return part;
  });
  return h("svg", { class: "bar", "aria-hidden": "true" }, parts);
}

function drawJobs(jobs, chosen) {
  const rows = jobs.map((job) => {
    const { total, ...counts } = job.tasks;
    const going = (counts.running ?? 0) + (counts.finished ?? 0);
    return h("tr", { "data-job": job.jid, class: job.jid === chosen ? "chosen" : undefined },
      h("td", null, stateOf(job.state)),
      h("td", { class: "name" }, h("a", { href: "#" + job.jid, "aria-current": job.jid === chosen ? "true" : undefined }, job.name)),
      h("td", { class: "started soft", title: fullTime.format(job["start-time"]) }, started(job["start-time"])),
      h("td", { class: "num" }, duration(job.duration)),
      h("td", { class: "tasks" }, h("div", { title: Object.entries(counts).filter(([, count]) => count > 0).map(([state, count]) => count + " " + state).join(", ") },
        bar(Object.entries(counts), total), h("span", { class: "num soft" }, going + "/" + total))));
  });
  return [h("div", { class: "panel jobs" }, h("table", null,
    h("thead", null, h("tr", null, h("th", null, "State"), h("th", null, "Job"), h("th", { class: "started" }, "Started"),
      h("th", { class: "num" }, "Duration"), h("th", null, "Tasks"))),
    h("tbody", null, rows)))];
}

function fact(label, value, detail) {
  return h("div", null, h("dt", null, label), h("dd", null, value, detail === undefined ? undefined : h("small", null, " " + detail)));
}

const TERMINAL = new Set(["FINISHED", "CANCELED", "FAILED"]);

function drawTitle({ job, sure }) {
  const cancellable = !TERMINAL.has(job.state) && job.state !== "CANCELLING";
  return h("div", { class: "title" }, h("div", null, h("h2", null, job.name), stateOf(job.state),
    job.quiescent ? h("span", { class: "soft" }, "asleep") : undefined, h("span", { class: "mono soft" }, job.id)),
    cancellable ? h("button", { type: "button", "data-cancel": job.id, class: sure ? "sure" : undefined }, sure ? "Yes, cancel it" : "Cancel") : undefined);
}

function drawFacts({ job, rate }) {
  return h("dl", { class: "facts" },
    fact("Records in", number(job.recordsIn), rate > 0 ? number(rate) + "/s" : undefined),
    fact("Records out", number(job.recordsOut)),
    TERMINAL.has(job.state) ? fact("Tasks", number(job.tasksTotal)) : fact("Tasks running", job.tasksRunning + "/" + job.tasksTotal),
    fact("Checkpoints", number(job.checkpoints), job.latestCheckpointId === null ? undefined : "last " + job.latestCheckpointId),
    fact("Restored from", job.restoredCheckpointId ?? "–", job.restoredPosition === null ? undefined : "at " + number(job.restoredPosition)),
    fact("Restarts", number(job.restarts)),
    fact("Duration", duration(job.duration)));
}

/* Vertices in columns: one behind the last of its inputs. */
function levelsOf(nodes) {
  const depth = new Map();
  for (const node of nodes) {
    depth.set(node.id, Math.max(0, ...(node.inputs ?? []).map((input) => (depth.get(input.id) ?? 0) + 1)));
  }
  const levels = [];
  for (const node of nodes) (levels[depth.get(node.id)] ??= []).push(node.id);
  return levels;
}

/* Records that enter at a source or leave at a sink are not of this graph, and not counted in it. */
function drawVertex(vertex, { tasks, isSource, isSink }) {
  const { metrics } = vertex;
  const count = (label, value) => h("div", null, h("span", null, label + " "), number(value));
  const size = 12;
  const cells = tasks.map((task, index) =>
    h("rect", { class: tint(task.state), x: index * size, y: 0, width: size - 3, height: 9, rx: 2 },
      h("title", null, "subtask " + task.subtask + ": " + task.state)));
  return h("div", { class: "vertex " + tint(vertex.status), "data-vertex": vertex.id },
    h("div", { class: "top" }, stateOf(vertex.status), h("span", { class: "soft", title: "parallelism" }, "×" + vertex.parallelism)),
    h("div", { class: "name" }, spoken(vertex.name)),
    h("div", { class: "counts" }, isSource ? undefined : count("in", metrics["read-records"]),
      isSink ? undefined : count("out", metrics["write-records"])),
    h("svg", { class: "cells", width: tasks.length * size, height: 9 }, cells));
}

function drawGraph({ job, details }) {
  const vertices = new Map(details.vertices.map((vertex) => [vertex.id, vertex]));
  const { nodes } = details.plan;
  const read = new Set(nodes.flatMap((node) => (node.inputs ?? []).map((input) => input.id)));
  const fed = new Set(nodes.filter((node) => (node.inputs ?? []).length > 0).map((node) => node.id));
  const levels = levelsOf(nodes).map((level) => h("div", { class: "level" }, level.map((id) =>
    drawVertex(vertices.get(id), { tasks: job.tasks.filter((task) => task.vertexId === id), isSource: !fed.has(id), isSink: !read.has(id) }))));
  return h("div", { class: "graph" }, h("div", { class: "levels" }, levels, h("svg", { class: "edges" })));
}

/* Drawn after the boxes, whose places the browser has decided. */
function drawEdges(root, details) {
  const canvas = root.querySelector(".edges");
  if (canvas === null) return;
  const origin = canvas.parentElement.getBoundingClientRect();
  const boxes = new Map([...root.querySelectorAll("[data-vertex]")].map((box) => [box.dataset.vertex, box.getBoundingClientRect()]));
  const flows = details.state === "RUNNING";
  const drawn = details.plan.nodes.flatMap((node) => (node.inputs ?? []).flatMap((input) => {
    const from = boxes.get(input.id);
    const to = boxes.get(node.id);
    if (from === undefined || to === undefined) return [];
    const sideways = to.left > from.right;
    const [x1, y1, x2, y2] = sideways
      ? [from.right, (from.top + from.bottom) / 2, to.left, (to.top + to.bottom) / 2]
      : [(from.left + from.right) / 2, from.bottom, (to.left + to.right) / 2, to.top];
    const [ax, ay, bx, by] = [x1 - origin.left, y1 - origin.top, x2 - origin.left, y2 - origin.top];
    const [mx, my] = [(ax + bx) / 2, (ay + by) / 2];
    const bend = sideways ? [mx, ay, mx, by] : [ax, my, bx, my];
    const line = "M" + ax + " " + ay + "C" + bend.join(" ") + " " + bx + " " + by;
    const tip = sideways ? "M" + (bx - 6) + " " + (by - 4) + "L" + bx + " " + by + "L" + (bx - 6) + " " + (by + 4)
      : "M" + (bx - 4) + " " + (by - 6) + "L" + bx + " " + by + "L" + (bx + 4) + " " + (by - 6);
    return [h("path", { d: line }), flows ? h("path", { d: line, class: "flow" }) : undefined, h("path", { d: tip }),
      h("text", sideways ? { x: mx, y: my - 8 } : { x: mx + 36, y: my + 4 }, input.ship_strategy)].filter((part) => part !== undefined);
  }));
  morph(canvas, drawn);
}

/* Records in and out, without the side that has none. */
function moved({ recordsIn, recordsOut }) {
  if (recordsIn === 0 && recordsOut === 0) return "–";
  return (recordsIn === 0 ? "" : number(recordsIn) + " ") + "→" + (recordsOut === 0 ? "" : " " + number(recordsOut));
}

function drawWorkers({ job }) {
  const workers = new Map();
  for (const task of job.tasks) {
    const name = task.taskExecutor ?? "not placed";
    workers.set(name, [...(workers.get(name) ?? []), task]);
  }
  return h("div", null, h("h3", null, "Subtasks by TaskExecutor"), h("div", { class: "workers" }, [...workers].map(([name, tasks]) =>
    h("div", { class: "worker" }, h("div", { class: "mono", title: name }, name.startsWith(job.id + "-") ? name.slice(job.id.length + 1) : name), tasks.map((task) =>
      h("div", { class: "task " + tint(task.state), title: spoken(task.vertex) + " " + task.subtask + ": " + task.state + ", attempt " + task.attempt },
        h("i"), h("span", null, task.subtask + " · " + spoken(task.vertex)),
        h("div", { class: "num soft" }, moved(task))))))));
}

function drawFailure({ job, exception }) {
  const shown = exception ?? (job.failure === null ? undefined : { title: job.failure });
  if (shown === undefined) return undefined;
  const recovered = job.failure === null;
  return h("div", null, h("h3", null, recovered ? "Last exception, recovered from" : "Why it failed"),
    h("div", { class: "failure " + (recovered ? "tint-waiting" : "tint-failed") }, h("div", null, shown.title),
      shown.where === undefined ? undefined : h("div", { class: "soft" }, spoken(shown.where)),
      shown.trace === undefined ? undefined : h("div", { class: "mono soft" }, shown.trace)));
}

/* Epoch milliseconds of this century's first 80 years, in fields that are named like times. */
function isTime(name, value) {
  return Number.isInteger(value) && value > 946684800000 && value < 3471292800000 && /(time|start|end|timestamp|at|ts)$/i.test(name);
}

function cell(value, { name, numeric }) {
  if (value === undefined || value === null) return h("td", { class: numeric ? "num soft" : "soft" }, "–");
  if (typeof value !== "number") {
    const text = typeof value === "string" ? value : JSON.stringify(value);
    return h("td", { class: "long", title: text.length > 50 ? text : undefined }, text);
  }
  if (isTime(name, value)) return h("td", { title: String(value) }, new Date(value).toISOString().replace("T", " ").replace(/(:00)?\.000Z$/, ""));
  return h("td", { class: "num" }, String(value));
}

function drawRows({ rows }) {
  const { last, count, error } = rows;
  const heading = h("h3", null, count > last.length ? "Committed rows, last " + last.length + " of " + number(count) : "Committed rows");
  if (last.length === 0) return h("div", null, heading, h("p", { class: "soft" }, error ?? "None yet: rows appear with the checkpoint that commits them."));
  const isRow = (row) => typeof row === "object" && row !== null && !Array.isArray(row);
  const names = [...new Set(last.flatMap((row) => (isRow(row) ? Object.keys(row) : ["value"])))];
  const field = (row, name) => (isRow(row) ? row[name] : name === "value" ? row : undefined);
  const known = (name) => last.map((row) => field(row, name)).filter((value) => value !== undefined && value !== null);
  const numeric = (name) => names.length > 1 && known(name).every((value) => typeof value === "number" && !isTime(name, value));
  return h("div", null, heading, error === undefined ? undefined : h("p", { class: "soft" }, error), h("div", { class: "rows" }, h("table", null,
    h("thead", null, h("tr", null, names.map((name) => h("th", { class: numeric(name) ? "num" : undefined }, name)))),
    h("tbody", null, last.toReversed().map((row) => h("tr", null, names.map((name) => cell(field(row, name), { name, numeric: numeric(name) }))))))));
}

function drawJob(view) {
  return [h("div", { class: "panel detail" }, [drawTitle(view),
    view.notice === undefined ? undefined : h("div", { class: "failure tint-failed" }, view.notice),
    drawFacts(view), drawFailure(view), drawGraph(view), h("div", { class: "lower" }, drawRows(view), drawWorkers(view))])];
}
`;
