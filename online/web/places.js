// Matching places of the photo and a hit: a number and a colour are one place on both.

// As engine/matching_places.py: more numbers would cover each other, and white is read on these.
const NUMBERED = 12;
const COLOURS = ["#0b57c4", "#b93d05", "#00704f", "#8a1c7c", "#7a5200", "#b3123f", "#3d3db3", "#4d6600"];

// In fractions of an image's longer side; numbers that are nearer would cover each other.
export const RADIUS = 0.034;
const APART = 2.1 * RADIUS;

const near = (one, other) =>
  Math.min(...[0, 2].map((at) => Math.hypot(one[at] - other[at], one[at + 1] - other[at + 1]))) <= APART;

function numbered(hit) {
  const kept = [];
  for (const point of hit?.match?.points ?? [])
    if (kept.length < NUMBERED && !kept.some((other) => near(point, other))) kept.push(point);
  return kept.map((point, at) => ({ number: at + 1, colour: COLOURS[at % COLOURS.length], point }));
}

/** On the square that holds a hit's image of this size, centred; points are fractions of its longer
 * side. */
export function placesOn(hit, [width, height]) {
  const longer = Math.max(width, height);
  const [left, top] = [(1 - width / longer) / 2, (1 - height / longer) / 2];
  return numbered(hit).map(({ point, ...place }) => ({ ...place, x: left + point[2], y: top + point[3] }));
}

/** In pixels of the photo, of which ``box`` was described. */
export function placesInPhoto(hit, box) {
  if (!box) return [];
  const longer = Math.max(box[2] - box[0], box[3] - box[1]);
  return numbered(hit).map(({ point, ...place }) => ({
    ...place,
    x: box[0] + point[0] * longer,
    y: box[1] + point[1] * longer,
  }));
}
