// Training runs in progress: asks every few seconds for what is new, and only for that.

import { shown } from "./chart.js";
import { comparedCurves, curvesOf } from "./curves.js";
import { Judge } from "./judge.js";
import { $, element } from "./parts.js";
import { Samples } from "./samples.js";

const EVERY = 2000; // milliseconds
const QUIET = 10_000; // milliseconds, when the run has been silent for a while
const SILENCE = 120; // seconds
const ROWS = 12;

const judge = new Judge();
const samples = new Samples((step, query) => {
  const { judged, resolution } = runs[chosen].news;
  if (judged.includes(step)) judge.show(step, query, resolution);
  else judge.hide();
});

let runs = [newRun()];
let chosen = 0; // the number of the run that is shown
let timer = null;
let trouble = "";

function newRun() {
  return { generation: "", lines: [], kimgAt: new Map(), news: null };
}

async function ask() {
  clearTimeout(timer);
  let pause = EVERY;
  try {
    const fresh = await Promise.all(runs.map(askOf));
    const all = runs.map(({ news }) => news);
    if (all[0].runs.length > runs.length) {
      runs = all[0].runs.map((_, number) => runs[number] ?? newRun());
      pause = 0;
    } else if (all.some(({ more }) => more)) pause = 0;
    else {
      show(fresh.some(Boolean));
      if (all.every(({ silent }) => silent > SILENCE)) pause = QUIET;
    }
    trouble = "";
  } catch (error) {
    if (!trouble) {
      trouble = error instanceof TypeError
        ? "Nobody answers: the training has ended, or its live view was stopped."
        : error.message;
      say(trouble);
    }
  }
  if (!document.hidden) timer = setTimeout(ask, pause);
}

/** Take in what is new in a run; return whether it has new lines. */
async function askOf(run, number) {
  const { generation, lines } = run;
  const answer = await fetch(`v1/run?run=${number}&generation=${generation}&after=${lines.length}`);
  if (!answer.ok) throw new Error((await answer.json()).error.message);
  const news = await answer.json();
  if (news.generation !== generation) run.lines = [];
  run.lines.push(...news.lines);
  for (const { step, kimg } of news.lines) run.kimgAt.set(step, kimg);
  Object.assign(run, { news, generation: news.generation });
  return news.first === 0 || news.lines.length > 0;
}

function show(fresh) {
  const { lines, news, kimgAt } = runs[chosen];
  showChoice(news.runs);
  showRun(news, lines);
  showLikeness(lines);
  showAlarms(news.alarms);
  samples.show(news, kimgAt, chosen);
  if (fresh) {
    showCurves(news.runs);
    showTable(lines);
  }
}

function showChoice(names) {
  $("runs").hidden = names.length === 1;
  if ($("runs").children.length !== names.length) {
    $("runs").replaceChildren(...names.map((name, number) => {
      const button = element("button", { type: "button" }, name);
      button.addEventListener("click", () => {
        chosen = number;
        show(true);
      });
      return button;
    }));
  }
  [...$("runs").children].forEach((button, number) =>
    button.setAttribute("aria-pressed", String(number === chosen)));
}

function showRun({ name, network, resolution, data, kimg, silent }, lines) {
  $("name").textContent = name;
  document.title = `${name} · captiongan training`;
  const counts = Object.entries(data).filter(([, count]) => count)
    .map(([what, count]) => `${count.toLocaleString("en")} ${what}`);
  $("facts").textContent = [network, `${resolution} × ${resolution} pixels`, ...counts].join(" · ");
  const last = lines.at(-1);
  if (!last) {
    say("It has begun; no figures yet.");
    return;
  }
  const speed = newest(lines, "images_per_second");
  const left = Math.max(0, kimg - last.kimg);
  const done = left < 1e-9 || last.stopped_early;
  $("progress").value = Math.min(1, last.kimg / kimg);
  $("kimg").textContent = `${shown(last.kimg)} of ${shown(kimg)} kimg`;
  $("left").textContent = done ? "nothing" : speed ? duration((1000 * left) / speed) : "–";
  $("speed").textContent = speed ? `${shown(speed)} images/s` : "–";
  $("step").textContent = last.step.toLocaleString("en");
  if (last.stopped_early) say("Stopped early: the scores no longer improved.");
  else if (done) say("Complete.");
  else if (silent > SILENCE) say(`Silent for ${duration(silent)}: it may have stopped.`);
  else say("Training.");
}

function showLikeness(lines) {
  const kimg = lines.findLast((line) => "score_kid" in line)?.score_like_kimg;
  const speed = newest(lines, "images_per_second");
  $("like").hidden = kimg === undefined;
  if (kimg === undefined) return;
  const time = speed ? ` (${duration((1000 * kimg) / speed)} at this speed)` : "";
  $("like").textContent = `About as good as training from scratch on ${shown(kimg)} thousand pictures${time}`;
}

function showAlarms(alarms) {
  $("no-alarms").hidden = alarms.length > 0;
  const list = $("alarm-list");
  const known = [...list.children].map((item) => item.textContent);
  if (!known.every((alarm, number) => alarm === alarms[number])) list.replaceChildren();
  for (const alarm of alarms.slice(list.children.length)) {
    list.append(element("li", { className: alarm.startsWith("alarm over") ? "over" : "" }, alarm));
  }
}

function showCurves(names) {
  const made = runs.length === 1
    ? curvesOf(runs[0].lines)
    : comparedCurves(Object.fromEntries(names.map((name, number) => [name, runs[number].lines])));
  $("charts").replaceChildren(...made);
  $("no-curves").hidden = made.length > 0;
}

function showTable(lines) {
  const rows = lines.filter((line) => "loss_d" in line).slice(-ROWS);
  $("table").hidden = rows.length === 0;
  if (!rows.length) return;
  const { step, kimg, time, ...others } = rows.at(-1);
  const names = ["step", "kimg", ...Object.keys(others)];
  const titles = names.map((name) => element("th", { scope: "col" }, name.replaceAll("_", " ")));
  const head = element("tr", {}, ...titles);
  const body = rows.map((row) =>
    element("tr", {}, ...names.map((name) => element("td", {}, name in row ? shown(row[name]) : ""))));
  $("table").querySelector("table").replaceChildren(head, ...body);
}

/** The newest value of a figure, if there is one. */
function newest(lines, name) {
  return lines.findLast((line) => name in line)?.[name];
}

function say(words) {
  if ($("status").textContent !== words) $("status").textContent = words;
}

/** Seconds as a person says them. */
function duration(seconds) {
  const minutes = Math.round(seconds / 60);
  if (seconds < 90) return `${Math.round(seconds)} s`;
  if (minutes < 90) return `${minutes} min`;
  return `${Math.floor(minutes / 60)} h ${minutes % 60} min`;
}

document.addEventListener("visibilitychange", () => { if (!document.hidden) ask(); });
ask();
