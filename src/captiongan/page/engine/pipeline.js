// A bundle opened for drawing in the browser: captiongan.draw.pipeline, request by request.

import { InferenceSession, Tensor } from "../vendor/ort.wasm.bundle.min.mjs";
import { changeOf, heatOf, meanOf, withoutEach } from "./heat.js";
import { arc, line, onArc, through } from "./paths.js";
import { base64, inASquare, mirrored, png, sheet } from "./png_writer.js";
import { mirrorOf, noiseOf } from "./random_state.js";
import { Reader } from "./reader.js";
import { checkAround, checkPrompt, checkTruncation, checkWords, seedsOf, stopsOf, wordsOf } from "./rules.js";

const BATCH = 8; // after so many pictures it looks whether they are still wanted

export class Pipeline {
  #facts;
  #marks;
  #generator;
  #reader;
  #ranker = null;

  /**
   * Open a bundle.
   *
   * @param facts of bundle.json
   * @param files {generator, text_encoder, tokenizer}: the bytes of each
   * @param marks what every file carries: {software, and the XMP}
   */
  static async open(facts, { generator, text_encoder: encoder, tokenizer }, marks) {
    const pipeline = new Pipeline();
    pipeline.#facts = facts;
    pipeline.#marks = marks;
    pipeline.#generator = await opened(generator);
    const rules = JSON.parse(new TextDecoder().decode(tokenizer));
    pipeline.#reader = new Reader(rules, await opened(encoder), facts.embedding_dim, facts.subject);
    return pipeline;
  }

  /** Take the ranker, which is only needed where the best of several is kept. */
  async takeRanker(bytes) {
    this.#ranker ??= await opened(bytes);
  }

  /** Draw what a request asks for, as the server answers POST /v1/generate. */
  async draw(request, pause) {
    const started = performance.now();
    const { readings, pictures, truncation } = await this.#drawn(request, pause);
    return {
      ...this.#origin(truncation),
      pictures: await Promise.all(pictures.map(async (picture) => {
        const { image, ...facts } = picture;
        return { ...facts, png: base64(await png(image, this.#textsOf(picture, truncation))) };
      })),
      prompts: readings.map(({ words, embedding, unknown_words: unknown, ...told }) =>
        ({ ...told, unknown_words: [...new Set(unknown)] })),
      milliseconds: performance.now() - started,
    };
  }

  /** Draw the way between stops, as the server answers POST /v1/interpolate. */
  async between(request, pause) {
    const started = performance.now();
    const { images, texts, ...way } = await this.#way(request, pause);
    const frames = await Promise.all(images.map(async (image) => base64(await png(image, texts))));
    return { ...way, frames, milliseconds: performance.now() - started };
  }

  /** Draw what each word changes, as the server answers POST /v1/explain but for `change`. */
  async explain({ prompt, seed = 0, truncation = 1 }, pause) {
    const started = performance.now();
    checkTruncation(truncation);
    seedsOf(seed);
    const [reading] = await this.#read([prompt]);
    const words = wordsOf(reading.prompt);
    const noise = scaled(noiseOf(seed, this.#facts.noise_dim), truncation);
    const rows = [{ noise, embedding: reading.embedding }];
    for (const text of withoutEach(words)) {
      rows.push({ noise, embedding: (await this.#reader.read(text)).embedding });
    }
    const images = await this.#images(rows, pause);
    const pictures = images.map((image) => this.#finished({ prompt: reading.prompt, seed, image }));
    const [{ image, ...facts }, ...others] = pictures;
    const changes = others.map((other) => changeOf(image, other.image));
    const heats = heatOf(image, changes);
    return {
      ...this.#origin(truncation),
      picture: { ...facts, png: base64(await png(image, this.#textsOf(pictures[0], truncation))) },
      words: await Promise.all(words.map(async (word, place) => ({
        word, strength: meanOf(changes[place]), heat: base64(await png(heats[place], {})),
      }))),
      milliseconds: performance.now() - started,
    };
  }

  /** The PNG of what `draw` draws: the only picture, or a sheet of all. */
  async drawFile(request, pause) {
    const { pictures, truncation } = await this.#drawn(request, pause);
    const texts = this.#textsOf(pictures[0], truncation);
    if (pictures.length === 1) return png(pictures[0].image, texts);
    texts.prompt = [...new Set(pictures.map(({ prompt }) => prompt))].join("\n");
    if (pictures[0].score !== undefined) {
      texts.seed = pictures.map(({ seed }) => seed).join("\n");
      texts.score = pictures.map(({ score }) => decimal(score)).join("\n");
    }
    const image = sheet(inASquare(pictures.map((picture) => picture.image)));
    return png(image, { ...texts, n: String(pictures.length) });
  }

  /** The PNG of what `between` draws: a strip for each leg. */
  async betweenFile(request, pause) {
    const { images, steps, texts } = await this.#way(request, pause);
    const legs = [];
    for (let start = 0; start < images.length - 1; start += steps - 1) {
      legs.push(images.slice(start, start + steps));
    }
    return png(sheet(legs), texts);
  }

  async #drawn(request, pause) {
    const { prompt, n = 1, seed = 0, truncation = 1, around = null, strength = 0.3 } = request;
    const candidates = request.best_of ?? 1;
    const seeds = seedsOf(seed, n, candidates);
    checkTruncation(truncation);
    checkAround(around, strength);
    const readings = await this.#read([prompt].flat());
    const noises = this.#noises(seeds, around, strength, truncation);
    const rows = readings.flatMap(({ embedding }) => noises.map((noise) => ({ noise, embedding })));
    const images = await this.#images(rows, pause);
    const all = images.map((image, row) => ({
      prompt: readings[Math.floor(row / seeds.length)].prompt,
      seed: seeds[row % seeds.length],
      ...(around === null ? {} : { around, strength }),
      image,
    }));
    const kept = candidates === 1 ? all : await this.#best(all, rows, candidates);
    return { readings, truncation, pictures: kept.map((picture) => this.#finished(picture)) };
  }

  #noises(seeds, around, strength, truncation) {
    const { noise_dim: dim } = this.#facts;
    const middle = around === null ? null : noiseOf(around, dim);
    return seeds.map((seed) => {
      const own = noiseOf(seed, dim);
      return scaled(middle ? onArc(middle, own, strength) : own, truncation);
    });
  }

  #finished(picture) {
    const turned = this.#mirrors(picture.around ?? picture.seed);
    return { ...picture, mirrored: turned, image: turned ? mirrored(picture.image) : picture.image };
  }

  #mirrors(seed) {
    return this.#facts.mirror_by_seed && mirrorOf(seed, this.#facts.noise_dim);
  }

  async #best(pictures, rows, candidates) {
    const scores = await this.#scores(pictures.map(({ image }) => image), rows);
    return pictures.filter((_, row) => row % candidates === 0).map((_, group) => {
      const own = scores.slice(group * candidates, (group + 1) * candidates);
      const best = own.indexOf(Math.max(...own));
      return { ...pictures[group * candidates + best], score: Math.round(own[best] * 1e4) / 1e4 };
    });
  }

  async #scores(images, rows) {
    const { resolution: side, embedding_dim: dim } = this.#facts;
    const scores = [];
    for (const [image, row] of images.map((each, place) => [each, rows[place]])) {
      const pictures = new Tensor("float32", levelsOf(image), [1, 3, side, side]);
      const embedding = new Tensor("float32", row.embedding, [1, dim]);
      scores.push((await this.#ranker.run({ pictures, embedding })).scores.data[0]);
    }
    return scores;
  }

  async #way({ prompts, seeds = [0], steps = 9, truncation = 1 }, pause) {
    checkTruncation(truncation);
    const readings = await this.#read(prompts);
    const stops = stopsOf(prompts, seeds, steps);
    seeds.forEach((seed) => seedsOf(seed));
    const noises = forEach(stops, seeds.map((seed) => noiseOf(seed, this.#facts.noise_dim)));
    const embeddings = forEach(stops, readings.map(({ embedding }) => embedding));
    const texts = through(embeddings, steps, line);
    const rows = through(noises, steps, arc).map((noise, place) => (
      { noise: scaled(noise, truncation), embedding: texts[place] }));
    const turned = this.#mirrors(seeds[0]);
    const images = await this.#images(rows, pause);
    const way = { prompts: readings.map(({ prompt }) => prompt), seeds, steps, mirrored: turned };
    return {
      ...this.#origin(truncation),
      ...way,
      images: turned ? images.map(mirrored) : images,
      texts: this.#marked({
        prompt: way.prompts.join("\n"), seed: seeds.join("\n"), steps: String(steps),
        ...drawnWith(truncation, turned),
      }),
    };
  }

  async #read(prompts) {
    const readings = [];
    for (const text of prompts.map(checkPrompt)) {
      readings.push(checkWords(await this.#reader.read(text), this.#facts.name));
    }
    return readings;
  }

  async #images(rows, pause) {
    const { resolution: side, noise_dim, embedding_dim } = this.#facts;
    const images = [];
    for (let start = 0; start < rows.length; start += BATCH) {
      await pause();
      const batch = rows.slice(start, start + BATCH);
      const { pictures } = await this.#generator.run({
        noise: stacked(batch.map(({ noise }) => noise), noise_dim),
        embedding: stacked(batch.map(({ embedding }) => embedding), embedding_dim),
      });
      const size = 3 * side * side;
      batch.forEach((_, place) => images.push({
        width: side, height: side, pixels: pictures.data.slice(place * size, (place + 1) * size),
      }));
    }
    return images;
  }

  #origin(truncation) {
    return { bundle: this.#facts.name, version: this.#facts.version, truncation };
  }

  #textsOf({ prompt, seed, around, strength, score, mirrored: turned }, truncation) {
    return this.#marked({
      prompt,
      seed: String(seed),
      ...(around === undefined ? {} : { around: String(around), strength: decimal(strength) }),
      ...(score === undefined ? {} : { score: decimal(score) }),
      ...drawnWith(truncation, turned),
    });
  }

  #marked(texts) {
    const { name, version } = this.#facts;
    return { ...texts, bundle: name, bundle_version: version, ...this.#marks };
  }
}

function opened(bytes) {
  return InferenceSession.create(bytes, { executionProviders: ["wasm"], logSeverityLevel: 3 });
}

function stacked(vectors, dim) {
  const rows = new Float32Array(vectors.length * dim);
  vectors.forEach((vector, place) => rows.set(vector, place * dim));
  return new Tensor("float32", rows, [vectors.length, dim]);
}

const scaled = (noise, truncation) => noise.map((value) => Math.fround(truncation) * value);

/** Give each stop its own, or the only one. */
const forEach = (stops, items) => (items.length === stops ? items : Array(stops).fill(items[0]));

const drawnWith = (truncation, turned) => ({
  ...(truncation === 1 ? {} : { truncation: decimal(truncation) }),
  ...(turned ? { mirrored: "true" } : {}),
});

/** A number as Python writes it. */
const decimal = (value) => (Number.isInteger(value) ? value.toFixed(1) : String(value));

/** Pixels as the ranker takes them: from -1 to 1, colour by colour. */
function levelsOf({ width, height, pixels }) {
  const size = width * height;
  const levels = new Float32Array(3 * size);
  for (let place = 0; place < size; place += 1) {
    for (let colour = 0; colour < 3; colour += 1) {
      levels[colour * size + place] = Math.fround(pixels[3 * place + colour] / 127.5) - 1;
    }
  }
  return levels;
}
