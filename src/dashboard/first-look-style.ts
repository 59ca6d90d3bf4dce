/** The style sheet of the first-look page. Colours are variables, given twice: for light and for dark. */
export const STYLE = `
:root {
  color-scheme: light dark;
  --ground: #f5f7f8; --panel: #ffffff; --line: #e1e7ea; --ink: #14242c; --soft: #5b6d76; --accent: #0f7796; --wash: #e6f2f6;
  --running: #0f86a8; --finished: #2b8a57; --failed: #c93a3a; --canceled: #87959c; --waiting: #c07a10;
  --mono: ui-monospace, "SF Mono", "Cascadia Mono", "DejaVu Sans Mono", Menlo, Consolas, monospace;
}
@media (prefers-color-scheme: dark) {
  :root {
    --ground: #0e1518; --panel: #151f24; --line: #26343b; --ink: #e4edf0; --soft: #8fa3ac; --accent: #56c2e0; --wash: #17313b;
    --running: #3fb4d6; --finished: #4fbd82; --failed: #f06a6a; --canceled: #76868e; --waiting: #e0a544;
  }
}
* { box-sizing: border-box; }
[hidden] { display: none !important; }
body {
  margin: 0; background: var(--ground); color: var(--ink); -webkit-text-size-adjust: 100%;
  font: 15px/1.45 system-ui, -apple-system, "Segoe UI", Roboto, "Helvetica Neue", "Noto Sans", sans-serif;
}
header, main { max-width: 1180px; margin: 0 auto; padding: 0 24px; }
header { display: flex; align-items: center; gap: 10px; padding-top: 20px; padding-bottom: 16px; }
main { display: grid; gap: 20px; padding-bottom: 56px; }
main > *, .detail > * { min-width: 0; }
h1 { font-size: 19px; font-weight: 650; letter-spacing: -0.01em; margin: 0; }
h2 { font-size: 19px; font-weight: 620; letter-spacing: -0.01em; margin: 0; overflow-wrap: anywhere; }
h3 { font-size: 12px; font-weight: 600; color: var(--soft); text-transform: uppercase; letter-spacing: 0.06em; margin: 0 0 10px; }
p { margin: 0; }
.mark { width: 24px; height: 24px; fill: var(--accent); }
.version { color: var(--soft); font-size: 13px; margin-right: auto; padding-top: 3px; }
#pulse { color: var(--soft); font-size: 13px; display: flex; align-items: center; gap: 7px; text-align: right; }
#pulse::before { content: ""; flex: none; width: 8px; height: 8px; border-radius: 50%; background: var(--canceled); }
#pulse.live::before { background: var(--finished); }
#pulse.lost::before { background: var(--failed); }
.panel { background: var(--panel); border: 1px solid var(--line); border-radius: 12px; padding: 18px 20px; }
.num { text-align: right; font-variant-numeric: tabular-nums; white-space: nowrap; }
.soft { color: var(--soft); }
.mono, code, pre { font-family: var(--mono); font-size: 12.5px; }
a { color: var(--accent); text-decoration: none; }
a:hover { text-decoration: underline; }
:focus-visible { outline: 2px solid var(--accent); outline-offset: 2px; border-radius: 4px; }
button {
  font: inherit; font-weight: 560; color: var(--ink); background: var(--panel); border: 1px solid var(--line); border-radius: 8px;
  padding: 6px 14px; cursor: pointer;
}
button:hover { border-color: var(--soft); }
button.sure { color: #fff; background: var(--failed); border-color: var(--failed); }
input {
  font: inherit; color: inherit; background: var(--ground); border: 1px solid var(--line); border-radius: 8px; padding: 6px 12px;
  flex: 1 1 200px; min-width: 0;
}
#token { display: flex; flex-wrap: wrap; gap: 10px 12px; align-items: center; }
#token label, #token p { flex-basis: 100%; }
#token p { color: var(--failed); }
#token p:empty { display: none; }
#welcome { display: grid; gap: 10px; padding: 28px; }
#welcome p { color: var(--soft); margin-top: 6px; }
pre { margin: 0; padding: 12px 14px; background: var(--ground); border-radius: 8px; white-space: pre-wrap; overflow-wrap: anywhere; }

.cards { display: grid; grid-template-columns: repeat(6, 1fr); gap: 12px; }
.card { padding: 12px 16px; }
.card b { display: block; font-size: 27px; font-weight: 600; line-height: 1.2; letter-spacing: -0.02em; font-variant-numeric: tabular-nums; }
.card span { color: var(--soft); font-size: 13px; }
.card.zero b { color: var(--soft); font-weight: 450; }
.card small { font-size: 15px; font-weight: 450; color: var(--soft); letter-spacing: 0; }

.tint-running { --tint: var(--running); } .tint-finished { --tint: var(--finished); } .tint-failed { --tint: var(--failed); }
.tint-canceled { --tint: var(--canceled); } .tint-waiting { --tint: var(--waiting); }
.card:not(.zero)[class*="tint-"] b, .state { color: var(--tint); }
.state { display: inline-flex; align-items: center; gap: 7px; font-size: 12px; font-weight: 620; letter-spacing: 0.03em; white-space: nowrap; }
.state::before { content: ""; width: 8px; height: 8px; border-radius: 50%; background: var(--tint); }
.bar { display: block; width: 100%; height: 8px; border-radius: 4px; background: var(--line); }
.bar rect, .cells rect { fill: var(--tint); }

.jobs { padding: 6px 0; max-height: 330px; overflow: auto; }
table { border-collapse: collapse; width: 100%; }
th { font-size: 12px; font-weight: 600; color: var(--soft); text-align: left; white-space: nowrap; }
th, td { padding: 8px 12px; }
th:first-child, td:first-child { padding-left: 20px; } th:last-child, td:last-child { padding-right: 20px; }
tbody td { border-top: 1px solid var(--line); }
.jobs tr[data-job] { cursor: pointer; }
.jobs tr[data-job]:hover { background: var(--ground); }
.jobs tr.chosen, .jobs tr.chosen:hover { background: var(--wash); }
.jobs .tasks { width: 190px; } .jobs th:first-child { width: 150px; } .jobs .started { width: 150px; } .jobs .num { width: 110px; }
.jobs .tasks .num { width: auto; }
.tasks div { display: flex; gap: 10px; align-items: center; }
.name { font-weight: 560; overflow-wrap: anywhere; }

.detail { display: grid; gap: 22px; }
.title, .title div { display: flex; gap: 6px 14px; align-items: center; }
.title { justify-content: space-between; align-items: flex-start; }
.title div { flex-wrap: wrap; min-height: 36px; min-width: 0; }
.title .mono { overflow-wrap: anywhere; }
.title button { flex: none; }
.facts { display: grid; grid-template-columns: repeat(auto-fit, minmax(104px, 1fr)); gap: 12px 18px; margin: 0; }
.facts dt { color: var(--soft); font-size: 12.5px; }
.facts dd { margin: 0; font-size: 18px; font-weight: 560; font-variant-numeric: tabular-nums; }
.facts small { font-size: 12.5px; font-weight: 400; color: var(--soft); }
.failure { border-left: 3px solid var(--tint); padding: 8px 14px; background: var(--ground); border-radius: 0 8px 8px 0; overflow-wrap: anywhere; }
.failure .mono { margin-top: 4px; max-height: 8.5em; overflow: auto; white-space: pre-wrap; }

.graph { position: relative; overflow-x: auto; margin: 0 -20px; padding: 2px 20px 6px; }
.levels { position: relative; display: flex; align-items: center; justify-content: space-between; gap: 84px; width: max-content; min-width: 100%; }
.level { display: grid; gap: 18px; flex: 1 0 210px; max-width: 340px; }
.edges { position: absolute; left: 0; top: 0; overflow: visible; pointer-events: none; }
.edges path { fill: none; stroke: var(--soft); stroke-width: 1.5; opacity: 0.55; }
.edges .flow { stroke: var(--running); stroke-width: 2; stroke-dasharray: 5 7; opacity: 1; animation: flow 0.9s linear infinite; }
.edges text { font-size: 10.5px; fill: var(--soft); text-anchor: middle; letter-spacing: 0.04em; }
@keyframes flow { to { stroke-dashoffset: -12; } }
@media (prefers-reduced-motion: reduce) { .edges .flow { animation: none; } }
.vertex { background: var(--panel); border: 1px solid var(--line); border-top: 3px solid var(--tint); border-radius: 9px; padding: 10px 14px 12px; }
.vertex .name { margin: 5px 0 8px; line-height: 1.3; }
.vertex .top, .counts { display: flex; justify-content: space-between; gap: 10px; }
.counts { font-size: 13px; font-variant-numeric: tabular-nums; }
.counts span { color: var(--soft); }
.cells { display: block; height: 9px; margin-top: 9px; }

.lower { display: grid; grid-template-columns: minmax(0, 1fr) 310px; gap: 32px; align-items: start; }
.workers { display: grid; gap: 10px; }
.worker { border: 1px solid var(--line); border-radius: 9px; padding: 10px 14px; font-size: 13px; min-width: 0; }
.worker .mono { color: var(--soft); overflow-wrap: anywhere; margin-bottom: 6px; }
.task { display: grid; grid-template-columns: auto 1fr auto; gap: 8px; align-items: center; padding: 2px 0; }
.task i { width: 8px; height: 8px; border-radius: 2px; background: var(--tint); }
.task span { overflow: hidden; text-overflow: ellipsis; white-space: nowrap; }

.rows { margin: 0 0 0 -20px; overflow-x: auto; }
.rows td, .rows th { padding: 4px 14px; font-size: 13px; white-space: nowrap; }
.rows td { font-variant-numeric: tabular-nums; }
.rows td:first-child, .rows th:first-child { padding-left: 20px; }
.rows td.long { max-width: 420px; overflow: hidden; text-overflow: ellipsis; }

@media (max-width: 980px) {
  .lower { grid-template-columns: minmax(0, 1fr); gap: 22px; }
  .workers { grid-template-columns: repeat(auto-fill, minmax(250px, 1fr)); }
  .rows { margin: 0 -20px; }
}
@media (max-width: 760px) {
  header, main { padding-left: 14px; padding-right: 14px; }
  main { gap: 14px; }
  .cards { grid-template-columns: repeat(3, 1fr); gap: 8px; }
  .card { padding: 10px 12px; }
  .card b { font-size: 22px; }
  .panel { padding-left: 14px; padding-right: 14px; }
  .jobs { padding: 4px 0; }
  .jobs .started, .jobs .tasks svg { display: none; }
  .jobs .tasks, .jobs th:first-child, .jobs .num { width: auto; }
  th, td { padding: 8px 7px; }
  th:first-child, td:first-child, .rows td:first-child, .rows th:first-child { padding-left: 14px; }
  th:last-child, td:last-child { padding-right: 14px; }
  .facts { grid-template-columns: repeat(auto-fill, minmax(86px, 1fr)); gap: 12px; }
  .facts dd { font-size: 16px; }
  .graph, .rows { margin: 0 -14px; padding-left: 14px; padding-right: 14px; }
  .rows { padding: 0; }
  .levels { flex-direction: column; align-items: stretch; gap: 46px; width: 100%; }
  .level { flex: none; max-width: none; }
}
`;
