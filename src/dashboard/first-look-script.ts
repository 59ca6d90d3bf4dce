/**
 * The part of the page's script that asks: it polls what is on the screen, once a second while a job runs and more seldom else, not
 * at all while nobody sees the page. Runs behind the drawing part, in one scope with it.
 */
export const SCRIPT = String.raw`
const BUSY_MILLIS = 1000;
const IDLE_MILLIS = 4000;
const SURE_MILLIS = 4000;
const SHOWN_ROWS = 20;
const TOKEN_KEY = "sluice-token";
const find = (id) => document.getElementById(id);

let timer;
let generation = 0;
let chosen = location.hash.slice(1);
/* What is known of the chosen job. */
let view;
let tail;

class Refusal extends Error {
  constructor(status, message) {
    super(message);
    this.status = status;
  }
}

async function request(path, options = {}) {
  const token = sessionStorage.getItem(TOKEN_KEY);
  const headers = token === null ? {} : { authorization: "Bearer " + token };
  const response = await fetch(path, { ...options, headers });
  if (response.ok) return response;
  const { errors } = await response.json().catch(() => ({}));
  throw new Refusal(response.status, String(errors?.[0] ?? "The worker answered " + response.status + "."));
}

const ask = async (path, options) => (await request(path, options)).json();

function pulse(kind, text) {
  find("pulse").className = kind;
  find("pulse").textContent = text;
}

/* One round: what it draws is dropped if a later one began meanwhile. */
async function refresh() {
  clearTimeout(timer);
  if (document.hidden) return;
  const mine = ++generation;
  let wait = IDLE_MILLIS;
  try {
    const [overview, { jobs }] = await Promise.all([ask("./overview"), ask("./jobs/overview")]);
    if (mine !== generation) return;
    find("token").hidden = true;
    /* Someone may follow a link to a job that is not here. */
    const job = jobs.find(({ jid }) => jid === chosen) ?? (chosen === "" ? jobs[0] : undefined);
    morph(find("cluster"), drawCluster(overview));
    morph(find("jobs"), jobs.length === 0 ? [] : drawJobs(jobs, job?.jid));
    find("welcome").hidden = jobs.length > 0;
    pulse("live", "live");
    if (overview["jobs-running"] > 0) wait = BUSY_MILLIS;
    if (job === undefined) forget();
    else await refreshJob(job, mine);
  } catch (error) {
    if (mine !== generation) return;
    if (error.status === 401) return askForToken(error.message);
    pulse("lost", error.status === undefined ? "The worker does not answer" : error.message);
    wait = BUSY_MILLIS;
  }
  if (mine === generation) timer = setTimeout(refresh, wait);
}

async function refreshJob({ jid, state }, mine) {
  if (view?.id !== jid) {
    forget();
    view = { id: jid, rows: { last: [], count: 0 }, rate: 0 };
  }
  const over = TERMINAL.has(state);
  if (!view.complete) {
    const path = "./jobs/" + jid;
    const [job, details, exceptions] = await Promise.all([ask("./v1/sluice/jobs/" + jid), ask(path), ask(path + "/exceptions?maxExceptions=1")]);
    if (mine !== generation) return;
    const before = view.job;
    const seconds = before === undefined ? 0 : (job.duration - before.duration) / 1000;
    const rate = seconds > 0.2 && job.state === "RUNNING" ? Math.round((job.recordsIn - before.recordsIn) / seconds) : 0;
    Object.assign(view, { job, details, rate, exception: lastException(exceptions), complete: over });
  }
  redraw();
  if (tail === undefined && !view.rows.ended) void followRows(jid);
}

function lastException({ exceptionHistory: { entries } }) {
  const last = entries[0];
  if (last === undefined) return undefined;
  const [title, ...trace] = last.stacktrace.split("\n");
  const where = [last.taskName, last.taskManagerId].filter((part) => part !== null).join(" on ");
  return { title: title || last.exceptionName, where: fullTime.format(last.timestamp) + (where === "" ? "" : " · " + where), trace: trace.map((line) => line.replace(/^ {4}/, "")).join("\n").trim() || undefined };
}

function redraw() {
  if (view?.job === undefined) return;
  morph(find("job"), drawJob(view));
  drawEdges(find("job"), view.details);
}

function forget() {
  leaveRows();
  view = undefined;
  morph(find("job"), []);
}

function leaveRows() {
  tail?.abort();
  tail = undefined;
}

/* Follows until the job is over; begun anew from the first row when the page is seen again. */
async function followRows(jid) {
  const controller = (tail = new AbortController());
  const rows = { last: [], count: 0 };
  try {
    const response = await request("./v1/sluice/jobs/" + jid + "/results", { signal: controller.signal });
    const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
    let rest = "";
    for (;;) {
      const { done, value } = await reader.read();
      if (done) break;
      const lines = (rest + value).split("\n");
      rest = lines.pop();
      rows.count += lines.length;
      rows.last = [...rows.last, ...lines.slice(-SHOWN_ROWS).map((line) => JSON.parse(line))].slice(-SHOWN_ROWS);
      if (controller.signal.aborted) return;
      view.rows = rows;
      redraw();
    }
    rows.ended = true;
  } catch (error) {
    if (controller.signal.aborted) return;
    rows.error = error.status === undefined ? undefined : error.message;
    rows.ended = error.status !== undefined;
  }
  if (controller.signal.aborted) return;
  tail = undefined;
  view.rows = rows;
  redraw();
}

function askForToken(message) {
  forget();
  for (const id of ["cluster", "jobs"]) morph(find(id), []);
  find("welcome").hidden = true;
  find("token").hidden = false;
  find("token-error").textContent = sessionStorage.getItem(TOKEN_KEY) === null ? "" : message;
  sessionStorage.removeItem(TOKEN_KEY);
  pulse("", "locked");
  find("token-field").focus();
}

async function cancel(jid) {
  if (!view.sure) {
    view.sure = true;
    const asked = view;
    setTimeout(() => {
      asked.sure = false;
      redraw();
    }, SURE_MILLIS);
    return redraw();
  }
  view.sure = false;
  view.notice = undefined;
  try {
    await request("./jobs/" + jid, { method: "PATCH" });
  } catch (error) {
    if (view?.id === jid) view.notice = error.message;
  }
  redraw();
  void refresh();
}

find("token").addEventListener("submit", (event) => {
  event.preventDefault();
  sessionStorage.setItem(TOKEN_KEY, find("token-field").value.trim());
  find("token-field").value = "";
  void refresh();
});
document.addEventListener("click", (event) => {
  const button = event.target.closest("[data-cancel]");
  if (button !== null) return void cancel(button.dataset.cancel);
  const row = event.target.closest("tr[data-job]");
  if (row !== null && event.target.closest("a") === null) location.hash = row.dataset.job;
});
addEventListener("hashchange", () => {
  chosen = location.hash.slice(1);
  void refresh();
});
addEventListener("resize", redraw);
document.addEventListener("visibilitychange", () => {
  if (document.hidden) {
    /* A round under way would go on to the rows. */
    generation += 1;
    clearTimeout(timer);
    leaveRows();
    pulse("", "paused");
  } else void refresh();
});
if (location.port !== "8787") {
  for (const command of document.querySelectorAll("pre[data-command]")) command.textContent = command.dataset.command + " --url " + location.origin;
}
void refresh();
`;
