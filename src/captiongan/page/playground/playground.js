// The page: its controls, the orders to the thread that trains, and what comes back.

import { $, element } from "../../web/static/parts.js";
import { chartsIn } from "./curves.js";
import { showTerms, writeEquations } from "./equations.js";
import { colours } from "./paint.js";
import { panelsIn, remarkOn } from "./panels.js";
import { digits, percent, strings, translate } from "./strings.js";

const RATES = [1e-4, 2e-4, 5e-4, 1e-3, 2e-3, 4e-3, 6e-3, 1e-2, 2e-2];
const PACES = [700, 120, 25, 0]; // milliseconds for a look at each term

const USUAL = { loss: "non-saturating", rateD: 6e-3, rateG: 4e-3, stepsD: 1, mismatching: true };
const SETTINGS = {
  points: USUAL,
  pairs: { ...USUAL, rateD: 4e-3, rateG: 2e-3 },
  flowers: { ...USUAL, rateD: 2e-3, rateG: 2e-3 },
};

/** Experiments: a scene, and what differs from its usual settings. */
const TRIES = {
  balanced: { scene: "points", settings: {} },
  collapse: { scene: "points", settings: { rateD: 2e-4, rateG: 6e-3 } },
  saturate: { scene: "points", settings: { loss: "minimax", rateD: 1e-2, rateG: 1e-4, stepsD: 5 } },
  third: { scene: "pairs", settings: { mismatching: false } },
  ask: { scene: "flowers", settings: {} },
};

const state = { scene: "points", settings: USUAL, pace: 0, playing: false };
let panels = null;
let newest = null;
let announced = true; // whether the newest view has been told to those who do not see it

translate();
const worker = new Worker(URL.createObjectURL(new Blob([$("worker").textContent])));
const drawCurves = chartsIn($("curves"));
const choices = () => ({ shape: $("shape").value, sentence: $("sentence").value });
const order = (verb, more = {}) => worker.postMessage({ verb, ...more });

function open(scene, settings = {}, play = false) {
  Object.assign(state, { scene, settings: { ...SETTINGS[scene], ...settings } });
  history.replaceState(null, "", `#${scene}`);
  for (const button of $("scenes").children) {
    button.setAttribute("aria-pressed", String(button.dataset.scene === scene));
  }
  $("told").textContent = strings[`${scene}-help`];
  $("shape-field").hidden = scene !== "points";
  $("mismatching-field").hidden = scene === "points";
  $("mismatching-words").textContent = strings[scene === "flowers" ? "mismatching-flowers" : "mismatching"];
  $("sentence-field").hidden = scene !== "flowers";
  panels = panelsIn($("panels"), $("key"), scene);
  showControls();
  begin();
  setPlaying(play);
}

/** Begin anew with the scene and settings that are chosen. */
function begin() {
  const { scene, settings } = state;
  order("open", { scene, choices: choices(), settings, seed: Number($("seed").value) || 0 });
  order("set", { settings, pace: state.pace });
}

function setPlaying(playing) {
  state.playing = playing;
  $("play").textContent = playing ? strings.pause : strings.play;
  if (playing) order("run", { update: "step", forever: true });
}

function once(update) {
  setPlaying(false);
  order("run", { update, forever: false });
}

function toggle() {
  if (state.playing) order("pause");
  setPlaying(!state.playing);
}

function reset() {
  const { playing } = state;
  begin();
  setPlaying(playing);
}

function showControls() {
  const { settings } = state;
  $("speed").value = PACES.indexOf(state.pace);
  $("speed-shown").textContent = strings.speeds[$("speed").value];
  $("speed").setAttribute("aria-valuetext", strings.speeds[$("speed").value]);
  $("stepsD").value = settings.stepsD;
  $("stepsD-shown").textContent = settings.stepsD;
  for (const name of ["rateD", "rateG"]) {
    $(name).value = RATES.indexOf(settings[name]);
    $(`${name}-shown`).textContent = settings[name];
    $(name).setAttribute("aria-valuetext", settings[name]);
  }
  $("loss").value = settings.loss;
  $("mismatching").checked = settings.mismatching;
  writeEquations($("equation-D"), $("equation-G"), settings, state.scene !== "points");
  render();
}

function set(change) {
  Object.assign(state.settings, change);
  showControls();
  order("set", { settings: state.settings, pace: state.pace });
}

function render() {
  if (!newest || newest.scene !== state.scene) return;
  const palette = colours();
  const { view } = newest;
  panels.paint(view, palette);
  drawCurves(view.curves, palette);
  for (const player of ["D", "G"]) {
    showTerms($(`equation-${player}`), view.terms, view.lit);
    $(`update-${player}`).classList.toggle("lit-up", view.lit === player);
  }
  $("steps").textContent = strings["steps-done"](digits(view.steps));
  $("facts").textContent = inWords(view.facts);
  if (view.running || announced) return;
  announced = true;
  $("said").textContent = `${$("steps").textContent}. ${$("facts").textContent}`;
  panels.describe(inWords(view.facts));
}

function inWords({ modes, obeying, fooled, right }) {
  return [
    modes && strings["modes-fact"](...modes),
    obeying !== undefined && strings["obeying-fact"](percent(obeying)),
    right && strings["right-fact"](...right),
    fooled !== undefined && strings["fooled-fact"](percent(fooled)),
  ].filter(Boolean).join(" · ");
}

worker.addEventListener("message", ({ data }) => {
  const waiting = newest?.waiting;
  newest = { view: data, scene: data.name, waiting: true };
  announced = false;
  if (!waiting) requestAnimationFrame(() => {
    newest.waiting = false;
    render();
  });
});

function fill(select, names) {
  select.replaceChildren(...Object.entries(names).map(([value, words]) => element("option", { value }, words)));
}

function wire() {
  fill($("loss"), strings.losses);
  fill($("shape"), strings.shapes);
  $("sentence").value = strings["sentence-value"];
  $("seed").value = 7;
  $("play").addEventListener("click", toggle);
  $("step").addEventListener("click", () => once("step"));
  $("update-D").addEventListener("click", () => once("D"));
  $("update-G").addEventListener("click", () => once("G"));
  $("reset").addEventListener("click", reset);
  for (const name of ["seed", "shape"]) $(name).addEventListener("change", reset);
  for (const name of ["rateD", "rateG"]) $(name).addEventListener("input", () => set({ [name]: RATES[$(name).value] }));
  $("stepsD").addEventListener("input", () => set({ stepsD: Number($("stepsD").value) }));
  $("loss").addEventListener("change", () => set({ loss: $("loss").value }));
  $("mismatching").addEventListener("change", () => set({ mismatching: $("mismatching").checked }));
  $("speed").addEventListener("input", () => {
    state.pace = PACES[$("speed").value];
    set({});
  });
  $("sentence").addEventListener("input", () => {
    $("remark").textContent = remarkOn($("sentence").value);
    order("look", { scene: "flowers", choices: choices() });
  });
  for (const button of $("scenes").children) button.addEventListener("click", () => open(button.dataset.scene));
  $("tries").replaceChildren(...Object.entries(TRIES).map(([name, { scene, settings }]) => {
    const [title, words] = strings.tries[name];
    const button = element("button", { type: "button" }, strings["set-up"]);
    button.setAttribute("aria-label", `${strings["set-up"]}: ${title}`);
    button.addEventListener("click", () => {
      open(scene, settings, true);
      $("told").scrollIntoView({ block: "nearest" });
    });
    return element("li", {}, element("h3", {}, title), element("p", {}, words), button);
  }));
}

const KEYS = { d: () => once("D"), g: () => once("G"), s: () => once("step"), r: reset, " ": toggle };
document.addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.altKey || event.metaKey || event.target.closest("input, select")) return;
  if (event.key === " " && event.target.closest("button")) return;
  const action = KEYS[event.key.toLowerCase()];
  if (!action) return;
  event.preventDefault();
  action();
});
document.addEventListener("visibilitychange", () => {
  if (document.hidden && state.playing) toggle();
});
window.addEventListener("resize", render);
window.addEventListener("hashchange", () => {
  const scene = location.hash.slice(1);
  if (scene in SETTINGS && scene !== state.scene) open(scene);
});
matchMedia("(prefers-color-scheme: dark)").addEventListener("change", render);

wire();
open(location.hash.slice(1) in SETTINGS ? location.hash.slice(1) : "points");
