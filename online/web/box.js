// Crop boxes: [x1, y1, x2, y2] in pixels of the upright photo, and what hands and keys do to them.

// Below this side, in pixels, nothing can be described.
const LEAST = 16;

const clamp = (value, low, high) => Math.min(Math.max(value, low), high);

export const whole = ([width, height]) => [0, 0, width, height];

export const rounded = (box) => box.map(Math.round);

/** The part of a box that a pointer takes: letters of the compass, "move", or null beside it. */
export function grabbed(box, x, y, reach) {
  const [x1, y1, x2, y2] = box;
  if (x < x1 - reach || x > x2 + reach || y < y1 - reach || y > y2 + reach) return null;
  const west = Math.abs(x - x1), east = Math.abs(x - x2);
  const north = Math.abs(y - y1), south = Math.abs(y - y2);
  // Of a box smaller than the reach the nearer edge is taken.
  const across = Math.min(west, east) > reach ? "" : west < east ? "w" : "e";
  const down = Math.min(north, south) > reach ? "" : north < south ? "n" : "s";
  return down + across || "move";
}

/** A part of the box moved by (dx, dy); the box stays within the photo and keeps a least size. */
export function dragged(box, part, dx, dy, [width, height]) {
  let [x1, y1, x2, y2] = box;
  if (part === "move") {
    dx = clamp(dx, -x1, width - x2);
    dy = clamp(dy, -y1, height - y2);
    return [x1 + dx, y1 + dy, x2 + dx, y2 + dy];
  }
  if (part.includes("w")) x1 = clamp(x1 + dx, 0, x2 - LEAST);
  if (part.includes("e")) x2 = clamp(x2 + dx, x1 + LEAST, width);
  if (part.includes("n")) y1 = clamp(y1 + dy, 0, y2 - LEAST);
  if (part.includes("s")) y2 = clamp(y2 + dy, y1 + LEAST, height);
  return [x1, y1, x2, y2];
}

/** The box between two points, or null where that is a click rather than a box. */
export function between(one, other, size) {
  const [x1, x2] = [one[0], other[0]].map((x) => clamp(x, 0, size[0])).sort((a, b) => a - b);
  const [y1, y2] = [one[1], other[1]].map((y) => clamp(y, 0, size[1])).sort((a, b) => a - b);
  return x2 - x1 < LEAST || y2 - y1 < LEAST ? null : [x1, y1, x2, y2];
}

const ARROWS = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };

/** What an arrow key does: moves the box, with Shift its lower right corner, by a hundredth of the
 * longer side; with Ctrl by one pixel. Null for other keys. */
export function nudged(box, { key, shiftKey, ctrlKey }, size) {
  const arrow = ARROWS[key];
  if (!arrow) return null;
  const step = ctrlKey ? 1 : Math.max(1, Math.round(Math.max(...size) / 100));
  return dragged(box, shiftKey ? "se" : "move", arrow[0] * step, arrow[1] * step, size);
}

/** One edge (0 to 3: x1, y1, x2, y2) set to a number, as the fields do. */
export function withEdge(box, edge, value, size) {
  const part = ["w", "n", "e", "s"][edge];
  const by = value - box[edge];
  return rounded(dragged(box, part, by, by, size));
}
