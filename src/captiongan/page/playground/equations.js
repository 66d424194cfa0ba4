// The slide's equations, whose terms light up and carry their values.

import { element } from "../../web/static/parts.js";
import { digits, percent, strings } from "./strings.js";

const ENTROPY = {
  real: (d) => `−log ${d}`,
  fake: (d) => `−log(1 − ${d})`,
  generated: (d) => `−log ${d}`,
};

const FORMS = {
  "non-saturating": ENTROPY,
  minimax: { ...ENTROPY, generated: (d) => `log(1 − ${d})` },
  "least-squares": {
    real: (d) => `(${d} − 1)²`,
    fake: (d) => `${d}²`,
    generated: (d) => `(${d} − 1)²`,
  },
  hinge: {
    real: (d) => `max(0, 1 − ${d})`,
    fake: (d) => `max(0, 1 + ${d})`,
    generated: (d) => `−${d}`,
  },
};

/** Write both equations as the loss and the scene have them. */
export function writeEquations(placeD, placeG, { loss, mismatching }, hasText) {
  const form = FORMS[loss];
  const third = hasText && mismatching;
  const drawn = hasText ? "D(G(z, e), e)" : "D(G(z))";
  const fake = form.fake(drawn);
  placeD.replaceChildren(
    ...maths("L_D ="),
    term("real", form.real(hasText ? "D(x, e)" : "D(x)")),
    added("fake", fake, third),
    ...(third ? [added("mismatch", form.fake("D(x, e_k)"), third)] : []),
    total("D"),
  );
  placeG.replaceChildren(...maths("L_G ="), term("generated", form.generated(drawn)), total("G"));
}

/** Put the newest values into the terms; light one of them up. */
export function showTerms(place, terms, lit) {
  for (const each of place.querySelectorAll("[data-term]")) {
    const { term: name } = each.dataset;
    each.classList.toggle("lit", name === lit);
    const { value, right } = terms[name] ?? {};
    each.querySelector("b").textContent = value === undefined ? "–" : digits(value, 3);
    const remark = each.querySelector(".right");
    if (remark) remark.textContent = right === undefined ? "\u00a0" : strings.right(percent(right));
  }
}

function term(name, formula) {
  const isD = name !== "generated";
  return element("span", { className: `term ${name}`, "data-term": name },
    element("span", {}, ...maths(formula)),
    element("small", {}, element("b", {}, "–"), ` ${strings[name]}`),
    ...(isD ? [element("small", { className: "right" }, "\u00a0")] : []));
}

function total(player) {
  return element("span", { className: "total", "data-term": player }, "= ", element("b", {}, "–"));
}

// A term of a sum; one that begins with a minus is taken away. Its sign stays with it in a new line.
function added(name, formula, half) {
  const bare = formula.replace(/^−/, "");
  return element("span", { className: "added" },
    ...maths(bare === formula ? "+" : "−"), term(name, half ? `½ ${bare}` : bare));
}

// Letters slanted, functions upright, what follows an underscore below the line.
function maths(formula) {
  const pieces = formula.split(/(log|max|[A-Za-z]_?\w?)/).map((piece, place) => {
    if (place % 2 === 0 || piece === "log" || piece === "max") return piece;
    const [letter, below] = piece.split("_");
    return below ? element("var", {}, letter, element("sub", {}, below)) : element("var", {}, letter);
  });
  return [element("span", {}, ...pieces)];
}
