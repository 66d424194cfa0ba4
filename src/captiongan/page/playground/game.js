// The game of the lecture: update D, update G. Each update stops at every term of its equation.

import { Adam } from "./adam.js";
import { LOSSES } from "./losses.js";
import { sum, times } from "./operations.js";

/** Two players on a scene: what they play about. */
export class Game {
  /**
   * @param scene has `players(random)`, networks G and D, and `batch(random)`: real x, noise z, and
   *   where there is text, e that fits x and e_k that does not
   * @param settings loss, rateD, rateG, stepsD, and mismatching: whether D sees the third pair
   */
  constructor(scene, settings, random) {
    Object.assign(this, { scene, settings, random });
    Object.assign(this, scene.players(random));
    this.adamD = new Adam(this.D);
    this.adamG = new Adam(this.G);
    this.steps = 0;
    this.teach(null);
  }

  get loss() {
    return LOSSES[this.settings.loss];
  }

  batch() {
    return this.scene.batch(this.random);
  }

  /** Let one player learn, or none; the others' weights are frozen. */
  teach(player) {
    this.learner = player;
    for (const weights of this.D.parameters) weights.wanted = player === this.D;
    for (const weights of this.G.parameters) weights.wanted = player === this.G;
  }

  /** What the page shows; looking changes nothing, in the middle of an update either. */
  view() {
    const { learner } = this;
    this.teach(null);
    const seen = this.scene.view(this);
    this.teach(learner);
    return seen;
  }

  /** Which share of pairs D holds for real. */
  believed(logits) {
    return logits.data.filter((logit) => this.loss.belief(logit) > 0.5).length / logits.data.length;
  }
}

/** L_D = -log D(x, e) - [log(1 - D(G(z, e), e)) + log(1 - D(x, e_k))] / 2, or without the last. */
export function* updateD(game) {
  const { D, G, loss, settings } = game;
  const { x, z, e, wrong } = game.batch();
  game.teach(D);

  const matching = D(x, e);
  const real = loss.real(matching);
  yield { term: "real", value: real.value, right: game.believed(matching) };

  const third = wrong && settings.mismatching; // then both kinds of fakes count half
  const generated = D(G(z, e).detach(), e);
  const fake = times(loss.fake(generated), third ? 0.5 : 1);
  yield { term: "fake", value: fake.value, right: 1 - game.believed(generated) };

  const terms = [real, fake];
  if (third) {
    const mismatching = D(x, wrong);
    const mismatch = times(loss.fake(mismatching), 0.5);
    yield { term: "mismatch", value: mismatch.value, right: 1 - game.believed(mismatching) };
    terms.push(mismatch);
  }
  const total = sum(...terms);
  game.adamD.step(total, settings.rateD);
  yield { term: "D", value: total.value };
}

/** L_G = -log D(G(z, e), e) */
export function* updateG(game) {
  const { D, G, loss, settings } = game;
  const { z, e } = game.batch();
  game.teach(G);

  const fooled = loss.generated(D(G(z, e), e));
  yield { term: "generated", value: fooled.value };
  game.adamG.step(fooled, settings.rateG);
  yield { term: "G", value: fooled.value };
}

/** A training step: D learns, a few times if so set; then G learns. */
export function* step(game) {
  for (let time = 0; time < game.settings.stepsD; time += 1) yield* updateD(game);
  yield* updateG(game);
  game.steps += 1;
}
