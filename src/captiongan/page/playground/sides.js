// The words of the scene of pairs, counter-clockwise.

export const SIDES = ["right", "top", "left", "bottom"];
