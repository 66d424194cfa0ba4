// The thread that draws. It is told {id, verb, ...} and answers {id, answer} or {id, error}.

import { env } from "../vendor/ort.wasm.bundle.min.mjs";
import { Pipeline } from "./pipeline.js";
import { unpacked } from "./unpack.js";

const pipelines = new Map();
const unwanted = new Set();
let before = Promise.resolve(); // one piece of work at a time

const VERBS = {
  async start({ runtime }) {
    env.wasm.numThreads = 1;
    env.wasm.wasmBinary = (await unpacked(runtime)).buffer;
  },

  async open({ facts, files, marks }) {
    const bytes = {};
    for (const [name, part] of Object.entries(files)) bytes[name] = await unpacked(part);
    pipelines.set(facts.name, await Pipeline.open(facts, bytes, marks));
  },

  async rank({ bundle, ranker }) {
    await pipelines.get(bundle).takeRanker(await unpacked(ranker));
  },

  ask({ id, bundle, method, request }) {
    return pipelines.get(bundle)[method](request, () => pause(id));
  },
};

/** Let the next messages in, and stop if what is being drawn is wanted no more. */
async function pause(id) {
  await new Promise((resolve) => setTimeout(resolve));
  if (unwanted.has(id)) throw new Error("no longer wanted");
}

self.addEventListener("message", ({ data }) => {
  if (data.verb === "forget") {
    unwanted.add(data.of);
    return;
  }
  before = before.then(() => work(data));
});

async function work(message) {
  const { id, verb } = message;
  try {
    self.postMessage({ id, answer: await VERBS[verb](message) });
  } catch ({ message: words, field = null }) {
    self.postMessage({ id, error: { message: words, field } });
  } finally {
    unwanted.delete(id);
  }
}
