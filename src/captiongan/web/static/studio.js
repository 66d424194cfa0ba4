// The studio: one state, which the controls change, the link holds, and an engine draws.
//
// An engine has the verbs `bundles`, `draw`, `between`, `explain` and `file`, the `formats` of its files, and
// perhaps `page`, which gives the studio away as a file.

import { copy } from "./clipboard.js";
import { CloseUp } from "./closeup.js";
import { asCommand, asPython, fileName, stageFile } from "./commands.js";
import { showControls } from "./controls.js";
import { listenToDrops } from "./drop.js";
import { showExplained } from "./explained.js";
import { Film } from "./film.js";
import { Gallery } from "./gallery.js";
import { keysAreOn, listenToKeys } from "./keys.js";
import { t, translatePage } from "./language.js";
import { MOST_PINS, SEEDS, START, explainedSeed, fromHash, isReadable, readable, toHash } from "./link.js";
import { attempt, hideError, remark, say, showError } from "./messages.js";
import { $, download, element, pngBlob, pngSource, shortened } from "./parts.js";
import { Pins, nameOf, pinOf } from "./pins.js";
import { settingsOf, textsOf } from "./png.js";
import { requestsOf } from "./requests.js";
import { showStarters } from "./starters.js";
import { remarksOn, showTokens } from "./words.js";

const PATIENCE = 150; // milliseconds without a key before it draws
const CANDIDATES = 4; // drawn for each picture where only the best is kept
const NOW = { push: true, wait: 0 }; // a step of its own in the browser's history

const gallery = new Gallery($("gallery"), {
  choose,
  pin,
  download: downloadPicture,
  end: takeAsEnd,
  hasKeys: keysAreOn,
});
const film = new Film(
  { image: $("frame"), play: $("play"), position: $("position") },
  (frame) => update({ frame }),
);
const closeUp = new CloseUp($("source"), $("source-caption"));
const pins = new Pins($("pins"), $("pin-list"),
  async (request) => (await engine.draw(request)).pictures[0],
  { open: openPin, remove: removePin });

let engine = null;
let state = { ...START };
let bundles = new Map();
let limits = {};
let nextEnd = 0; // which end of the film between pictures the next choice is
let drawing = null; // the AbortController of the newest request
let timer = null;
let asked = null; // what the newest request asks for, as text
let drawn = null; // the newest answers
let aside = ""; // what is to be said, beside the usual, when it is drawn

// The state

/** Change the state, and all that follows from it; `push` makes a way back of it. */
function update(changes, { push = false, wait = PATIENCE } = {}) {
  state = { ...state, ...changes };
  const last = SEEDS - state.n * state.best_of;
  for (const name of ["seed", "towards"]) state[name] = Math.min(state[name], last);
  if (push) history.pushState(null, "", `#${toHash(state)}`);
  showState();
  clearTimeout(timer);
  timer = setTimeout(settle, wait);
}

/** Keep the state in the link, in place of the one before. */
function keep() {
  history.replaceState(null, "", `#${toHash(state)}`);
}

function settle() {
  keep();
  draw();
}

function restore() {
  const { bundle } = state;
  state = known(fromHash(location.hash));
  showState();
  pins.show(state.pins);
  draw();
  if (state.bundle !== bundle) offerStarters();
}

/** A state in which everything is of this engine: its bundles, its limits. */
function known(wanted) {
  const fallback = bundles.get(wanted.bundle) ?? bundles.values().next().value;
  if (wanted.bundle && fallback.name !== wanted.bundle) {
    const names = { wanted: wanted.bundle, name: fallback.name };
    aside = t("There is no bundle “{wanted}” here: {name} draws instead.", names);
  }
  const prompt = wanted.prompt || fallback.examples[0] || "";
  const { n, steps } = wanted;
  return {
    ...wanted,
    bundle: fallback.name,
    prompt,
    n: Math.min(n, limits.n),
    steps: Math.min(steps, limits.steps),
    best_of: fallback.ranks ? wanted.best_of : 1,
  };
}

// Drawing: the newest request wins, and until its answer is there the old pictures stay

async function draw() {
  const wanted = requestsOf(state);
  const text = JSON.stringify(wanted);
  if (text === asked) return;
  asked = text;
  drawing?.abort();
  if (!wanted) {
    stale(true, t("Describe a picture in words."));
    return;
  }
  drawing = new AbortController();
  const { signal } = drawing;
  document.body.classList.add("drawing");
  try {
    const answers = await Promise.all(
      Object.values(wanted).map(([verb, request]) => engine[verb](request, signal)),
    );
    if (signal.aborted) return;
    drawn = Object.fromEntries(Object.keys(wanted).map((name, place) => [name, answers[place]]));
    showDrawn();
  } catch (error) {
    if (!signal.aborted) fail(error);
  } finally {
    if (!signal.aborted) document.body.classList.remove("drawing");
  }
}

function showDrawn() {
  const { words, film: way, source, explained } = drawn;
  stale(false);
  showTokens($("tokens"), words.prompts);
  remark(remarksOn(words.prompts));
  if (source) {
    closeUp.show(words.pictures.find((each) => closeUp.shows(each)) ?? source.pictures[0]);
  } else {
    closeUp.clear();
  }
  if (way) showFilm(way);
  if (explained) showExplained(explained);
  showGallery();
  const count = (explained?.words ?? way?.frames ?? words.pictures).length;
  const milliseconds = Math.round((way ?? explained ?? words).milliseconds);
  const facts = { count, milliseconds };
  const told = explained ? t("{count} words in {milliseconds} ms.", facts)
    : way ? t("{count} frames in {milliseconds} ms.", facts)
    : count === 1 ? t("1 picture in {milliseconds} ms.", facts)
    : t("{count} pictures in {milliseconds} ms.", facts);
  say(`${aside} ${told}`.trim());
  aside = "";
}

function showGallery() {
  const { pictures } = drawn.words;
  const variations = state.view === "pictures" && state.around !== null;
  gallery.show(pictures, {
    of: (picture) =>
      (variations ? t("towards seed {seed}", picture) : t("seed {seed}", picture)) + scoreOf(picture),
    hint: variations ? t("Look at it") : hintOf(state.view),
    chosen: (picture) =>
      variations ? closeUp.shows(picture)
      : state.view === "words" ? explainedSeed(state) === picture.seed
      : state.view === "seeds" && state.ends.includes(picture.seed),
    canEnd: !variations && (state.view === "pictures" || state.view === "seeds"),
  });
}

function showFilm(way) {
  const [from, to] = state.view === "prompts"
    ? [state.prompt, state.to].map((text) => shortened(text))
    : state.ends.map((seed) => t("seed {seed}", { seed }));
  const describe = (share) =>
    t("{percent} % of the way from {from} to {to}", { percent: Math.round(100 * share), from, to });
  film.load(way.frames, describe, state.frame);
  $("end-from").replaceChildren(endOf(way.frames[0], from));
  $("end-to").replaceChildren(endOf(way.frames.at(-1), to));
}

function endOf(frame, words) {
  return element("span", {}, element("img", { src: pngSource(frame), alt: "" }), words);
}

function hintOf(view) {
  if (view === "words") return t("What each word did here");
  return view === "seeds" ? t("An end of the film") : t("Variations");
}

const scoreOf = ({ score }) =>
  (score === undefined ? "" : `, ${t("score {score}", { score: score.toFixed(2) })}`);

function stale(is, words = "") {
  document.body.classList.toggle("stale", is);
  document.body.classList.remove("drawing");
  hideError();
  if (is) {
    film.pause();
    showTokens($("tokens"), []);
    remark(words);
    say("");
  }
}

function fail(error) {
  asked = null;
  stale(true);
  showError(error);
}

function showState() {
  film.fps = state.fps;
  if (state.view === "pictures" || state.view === "words") film.pause();
  showControls(state, bundles.get(state.bundle), engine.formats);
}

// What can be done

function choose(picture) {
  if (state.view === "seeds") {
    takeAsEnd(picture);
  } else if (state.view === "words") {
    update({ explained: picture.seed }, { wait: 0 });
  } else if (picture.around === undefined) {
    closeUp.show(picture);
    const { seed } = picture;
    update({ around: seed, towards: seed + 1 + state.n <= SEEDS ? seed + 1 : 0 }, NOW);
    $("all-pictures").focus();
  } else {
    closeUp.show(picture);
    showGallery();
  }
}

function leaveVariations() {
  const { around } = state;
  update({ around: null }, NOW);
  gallery.focus(Math.floor((around - state.seed) / state.best_of));
}

/** Make a picture an end of the film between pictures: first where it begins, then where it ends. */
function takeAsEnd({ seed }) {
  const ends = [...state.ends];
  ends[nextEnd] = seed;
  if (ends[0] === ends[1]) {
    say(t("A film needs two different pictures."));
    return;
  }
  const words = nextEnd === 0 ? t("The film begins at seed {seed}.", { seed })
    : t("The film ends at seed {seed}.", { seed });
  nextEnd = 1 - nextEnd;
  update({ ends, frame: 0 }, { wait: 0 });
  say(words);
}

function changeView(view) {
  if (view === state.view) return;
  film.pause();
  const changes = { view, around: null, frame: 0 };
  if (view === "words") Object.assign(changes, { explained: state.around ?? state.explained, best_of: 1 });
  if (view === "prompts" && !state.to.trim()) changes.to = anotherPrompt();
  if (view === "seeds" && state.ends.join() === START.ends.join()) {
    changes.ends = [state.around ?? state.seed, (state.around ?? state.seed) + 1];
  }
  nextEnd = 0;
  update(changes, NOW);
}

function anotherPrompt() {
  const { examples } = bundles.get(state.bundle);
  return examples.find((each) => each !== state.prompt) ?? "";
}

function changePrompt(changes) {
  update(state.locked ? changes : { ...changes, seed: anySeed() });
}

function roll() {
  update({ [state.around === null ? "seed" : "towards"]: anySeed() }, { wait: 0 });
}

// Short ones, which can be read out and typed; with the number of pictures all are in range.
const anySeed = () => Math.floor(1_000_000 * Math.random());

function pin(picture) {
  const wanted = pinOf(picture, drawn.words);
  if (state.pins.some((each) => JSON.stringify(each) === JSON.stringify(wanted))) {
    say(t("It is pinned already."));
  } else if (state.pins.length === MOST_PINS) {
    say(t("{count} pictures are pinned; take one off first.", { count: MOST_PINS }));
  } else {
    changePins([...state.pins, wanted]);
    say(t("Pinned, {name}.", { name: nameOf(wanted) }));
  }
}

function changePins(wanted) {
  update({ pins: wanted });
  pins.show(wanted);
}

function removePin(pin) {
  changePins(state.pins.filter((each) => each !== pin));
}

function openPin({ seed, around, ...others }) {
  const place = around === null ? { seed } : { around, towards: seed };
  const alone = { view: "pictures", best_of: 1 }; // its seed alone draws it
  update(known({ ...state, around: null, ...others, ...place, ...alone }), NOW);
}

function downloadPicture(picture) {
  download(pngBlob(picture.png), fileName(picture.prompt, [picture.seed], ".png"));
  say(t("Downloaded {name}.", { name: nameOf({ around: null, ...picture }) }));
}

/** Download what is on the stage as one file: a sheet of pictures, a strip or a film. */
function downloadStage(format) {
  attempt(async () => {
    const [verb, request] = state.view === "pictures" ? requestsOf(state).words : requestsOf(state).film;
    const rate = state.view === "pictures" ? {} : { fps: state.fps };
    download(await engine.file(verb, { ...request, ...rate }, format), stageFile(state, `.${format}`));
    say(t("Downloaded."));
  });
}

/** Download a page that draws with the bundle of the state and needs no server. */
function downloadPage() {
  const { bundle } = state;
  say(t("Making the page …"));
  attempt(async () => {
    download(await engine.page(bundle), `${bundle}.html`);
    say(t("Downloaded: it opens by a double click, and needs no server."));
  });
}

async function take(text, told) {
  if (await copy(text)) say(told);
}

/** Where a command finds the bundle: its name, or its folder, which only who serves it knows. */
function placeOf({ name, shipped }) {
  return shipped ? name : `./${name}`;
}

// A picture of ours brings its words and its seed back

async function open(file) {
  const settings = settingsOf(textsOf(await file.arrayBuffer()));
  if (!settings) {
    const { name } = file;
    const refusal = t("{file} is not a PNG that captiongan wrote: it holds no words and no seed.", { file: name });
    say(`${refusal} ${t("The command captiongan restyle draws any picture again in other words.")}`);
    return;
  }
  const { remarks, version } = settings;
  const before = state;
  update(known({ ...state, ...settings.state }), NOW);
  const here = bundles.get(state.bundle);
  if (here.name === settings.state.bundle && version && here.version !== version) {
    const versions = { version, name: here.name, here: here.version };
    remarks.push(t("It was drawn by version {version} of {name}, here is {here}.", versions));
  }
  if (before.bundle !== state.bundle) offerStarters();
  aside = [t("{file} is back.", { file: file.name }), aside, ...remarks].filter(Boolean).join(" ");
  say(aside);
}

function offerStarters() {
  const choosePrompt = (prompt) =>
    update({ prompt, around: null, view: state.view === "prompts" ? "pictures" : state.view }, NOW);
  const drawAll = (request) => engine.draw(request);
  attempt(() => showStarters(bundles.get(state.bundle), limits, drawAll, choosePrompt));
}

/** What a key does on an element. */
function actionOf(key, target) {
  return {
    "/": () => $("prompt").focus(),
    "?": () => $("keys").showModal(),
    r: roll,
    l: () => update({ locked: !state.locked }),
    " ": !$("film").hidden && !target.closest("button") ? () => film.toggle() : null,
  }[key];
}

function listen() {
  for (const id of ["prompt", "to"]) {
    $(id).addEventListener("input", () => {
      // A prompt is one line; what is pasted may be several.
      if (!isReadable($(id).value)) $(id).value = readable($(id).value).replace(/\s+/g, " ");
      changePrompt({ [id]: $(id).value });
    });
    $(id).addEventListener("keydown", (event) => {
      if (event.key !== "Enter" || event.isComposing) return;
      event.preventDefault();
      update({}, { wait: 0 });
    });
  }
  $("words").addEventListener("submit", (event) => event.preventDefault());
  $("seed").addEventListener("input", () => {
    const seed = Math.min(Math.max(0, Math.trunc(Number($("seed").value))), SEEDS - 1);
    if ($("seed").value !== "") update({ [state.around === null ? "seed" : "towards"]: seed });
  });
  for (const id of ["n", "truncation", "strength", "steps", "fps"]) {
    $(id).addEventListener("input", () => update({ [id]: Number($(id).value) }));
  }
  $("best").addEventListener("input", () => {
    update({ best_of: $("best").checked ? CANDIDATES : 1 }, { wait: 0 });
  });
  $("bundle").addEventListener("input", () => {
    const { prompt } = state;
    const example = bundles.get(state.bundle).examples.includes(prompt);
    const [first] = bundles.get($("bundle").value).examples;
    const { ranks } = bundles.get($("bundle").value);
    update({
      bundle: $("bundle").value,
      ...(example && first ? { prompt: first } : {}),
      ...(ranks ? {} : { best_of: 1 }),
    }, NOW);
    offerStarters();
  });
  for (const button of document.querySelectorAll("button[data-view]")) {
    button.addEventListener("click", () => changeView(button.dataset.view));
  }
  const clicks = {
    dice: roll,
    lock: () => update({ locked: !state.locked }),
    "all-pictures": leaveVariations,
    "download-source": () => downloadPicture(closeUp.picture),
    "pin-source": () => pin(closeUp.picture),
    "download-grid": () => downloadStage("png"),
    "download-strip": () => downloadStage("png"),
    "download-webp": () => downloadStage("webp"),
    "download-gif": () => downloadStage("gif"),
    "download-page": downloadPage,
    "copy-command": () => take(asCommand(state, placeOf(bundles.get(state.bundle))), t("Command copied.")),
    "copy-python": () => take(asPython(state, placeOf(bundles.get(state.bundle))), t("Python copied.")),
    "copy-link": () => {
      keep();
      take(location.href, t("Link copied."));
    },
    "show-keys": () => $("keys").showModal(),
    "close-keys": () => $("keys").close(),
    "open-png": () => $("png-file").click(),
    "try-again": draw,
  };
  for (const [id, act] of Object.entries(clicks)) $(id).addEventListener("click", act);
  $("png-file").addEventListener("change", () => {
    const [file] = $("png-file").files;
    if (file) attempt(() => open(file));
    $("png-file").value = "";
  });
  listenToKeys(actionOf, () => {
    if (state.around !== null) leaveVariations();
  });
  window.addEventListener("popstate", restore);
  listenToDrops($("drop"), (file) => attempt(() => open(file)));
}

async function begin() {
  const answer = await engine.bundles();
  limits = answer.limits;
  const { default: first } = answer;
  const ordered = [...answer.bundles].sort((one, other) => (other.name === first) - (one.name === first));
  bundles = new Map(ordered.map((bundle) => [bundle.name, bundle]));
  $("bundle").replaceChildren(...ordered.map(({ name }) => element("option", { value: name }, name)));
  $("n").max = Math.min(limits.n, 64);
  for (const id of ["prompt", "to"]) $(id).maxLength = limits.prompt_characters;
  for (const option of [...$("steps").options]) option.disabled = option.value > limits.steps;
  restore();
}

/** Open the studio with an engine. */
export function openStudio(given) {
  engine = given;
  translatePage(keep);
  $("download-page").hidden = !engine.page;
  listen();
  begin().catch(fail);
}
