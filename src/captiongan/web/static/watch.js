// A training run in progress: asks every few seconds for what is new, and only for that.

import { chart, shown } from "./chart.js";
import { $, element } from "./parts.js";
import { Samples } from "./samples.js";

const EVERY = 2000; // milliseconds
const QUIET = 10_000; // milliseconds, when the run has been silent for a while
const SILENCE = 120; // seconds
const ROWS = 12;

const CURVES = {
  Losses: { loss_d: "discriminator", loss_g: "generator" },
  "Share of pairs judged rightly": {
    accuracy_real: "real", accuracy_mismatching: "mismatching", accuracy_generated: "drawn",
  },
  "KID, lower is better": { score_kid: "KID" },
  "R@1 of 100, higher is better": { score_r_at_1: "R@1" },
  "Novelty: distance to the nearest training picture, 1 like real ones": { score_novelty: "novelty" },
  "Images a second": { images_per_second: "speed" },
  "Variety, as a share of real pictures'": {
    health_text_spread: "between captions", health_noise_spread: "between noises",
  },
};

const samples = new Samples();

let generation = "";
let lines = [];
const kimgAt = new Map(); // of each step
let timer = null;
let trouble = "";

async function ask() {
  clearTimeout(timer);
  let pause = EVERY;
  try {
    const answer = await fetch(`/v1/run?generation=${generation}&after=${lines.length}`);
    if (!answer.ok) throw new Error((await answer.json()).error.message);
    const news = await answer.json();
    show(news);
    if (news.more) pause = 0;
    else if (news.silent > SILENCE) pause = QUIET;
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

function show(news) {
  if (news.generation !== generation) {
    lines = [];
    $("alarm-list").replaceChildren();
  }
  generation = news.generation;
  lines.push(...news.lines);
  for (const { step, kimg } of news.lines) kimgAt.set(step, kimg);
  if (news.more) return;
  showRun(news);
  showLikeness();
  showAlarms(news.alarms);
  samples.show(news, kimgAt);
  if (news.first === 0 || news.lines.length) {
    showCurves(news.kimg);
    showTable();
  }
}

function showRun({ name, network, resolution, data, kimg, silent }) {
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
  const speed = newest("images_per_second");
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

function showLikeness() {
  const kimg = lines.findLast((line) => "score_kid" in line)?.score_like_kimg;
  const speed = newest("images_per_second");
  $("like").hidden = kimg === undefined;
  if (kimg === undefined) return;
  const time = speed ? ` (${duration((1000 * kimg) / speed)} at this speed)` : "";
  $("like").textContent = `About as good as training from scratch on ${shown(kimg)} thousand pictures${time}`;
}

function showAlarms(alarms) {
  $("no-alarms").hidden = alarms.length > 0;
  const list = $("alarm-list");
  for (const alarm of alarms.slice(list.children.length)) {
    list.append(element("li", { className: alarm.startsWith("alarm over") ? "over" : "" }, alarm));
  }
}

function showCurves(most) {
  const charts = Object.entries(CURVES).map(([title, names]) => {
    const drawn = Object.entries(names)
      .map(([key, name]) => [name, lines.filter((line) => key in line).map((line) => [line.kimg, line[key]])])
      .filter(([, points]) => points.length);
    return drawn.length ? chart(title, Object.fromEntries(drawn), most) : null;
  });
  const made = charts.filter(Boolean);
  $("charts").replaceChildren(...made);
  $("no-curves").hidden = made.length > 0;
}

function showTable() {
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
function newest(name) {
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
