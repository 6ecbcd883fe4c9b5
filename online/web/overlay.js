// The photo's contour moved and scaled onto a hit's image.
//
// ``contour`` is a shape where it lies in its image, which is centred on a square; ``aligned`` the
// same shape centred at a fixed size. So the way from a hit's aligned path to its contour takes the
// photo's aligned path along.

/** Side of the square in which the service writes paths. */
export const PATH_SIDE = 100;

const PAIR = /(-?[\d.]+)[ ,](-?[\d.]+)/g;

function bounds(path) {
  const points = [...path.matchAll(PAIR)].map(([, x, y]) => [Number(x), Number(y)]);
  if (!points.length) return null;
  const [xs, ys] = [0, 1].map((axis) => points.map((point) => point[axis]));
  return [Math.min(...xs), Math.min(...ys), Math.max(...xs), Math.max(...ys)];
}

/** Path of the photo's aligned contour in the square of a hit's image; null without both. */
export function laidOn(aligned, hit) {
  const [from, to] = [hit.aligned, hit.contour].map((path) => (path ? bounds(path) : null));
  if (!aligned || !from || !to) return null;
  const longer = (box) => Math.max(box[2] - box[0], box[3] - box[1]);
  if (!(longer(from) > 0)) return null;
  const scale = longer(to) / longer(from);
  const [x, y] = [0, 1].map((axis) => (to[axis] + to[axis + 2] - scale * (from[axis] + from[axis + 2])) / 2);
  const moved = (value, by) => (Number(value) * scale + by).toFixed(2);
  return aligned.replace(PAIR, (_, px, py) => `${moved(px, x)} ${moved(py, y)}`);
}
