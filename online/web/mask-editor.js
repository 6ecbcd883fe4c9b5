// A mask while it is repaired: its cells, the marks made on it, and the way back. It draws nothing
// and requests nothing.

const MOST_SIDE = 256; // cells of the longer side, as many as the service cuts by
const KEPT = 100; // steps that can be undone: 8 kB each
/** Units a cell: boxes and strokes are finer than the mask. */
export const UNITS = 4;

/** The cells of a grey bitmap: 1 is the product. */
export function cellsOf(bitmap, [width, height]) {
  const context = new OffscreenCanvas(width, height).getContext("2d", { willReadFrequently: true });
  context.drawImage(bitmap, 0, 0, width, height);
  const { data } = context.getImageData(0, 0, width, height);
  const cells = new Uint8Array(width * height);
  for (let at = 0; at < cells.length; at += 1) cells[at] = data[4 * at] >= 128 ? 1 : 0;
  return cells;
}

/** The size of a grid in the proportions of an image. */
export function gridOf({ width, height }) {
  const scale = Math.min(1, MOST_SIDE / Math.max(width, height));
  return [width, height].map((side) => Math.max(1, Math.round(side * scale)));
}

function packed(cells) {
  const bits = new Uint8Array(Math.ceil(cells.length / 8));
  for (let at = 0; at < cells.length; at += 1) bits[at >> 3] |= cells[at] << (at & 7);
  return bits;
}

function unpacked(bits, length) {
  const cells = new Uint8Array(length);
  for (let at = 0; at < length; at += 1) cells[at] = (bits[at >> 3] >> (at & 7)) & 1;
  return cells;
}

export class MaskEditor {
  /** ``size``: the grid's width and height; ``cells``: the mask that is stored. */
  constructor(size, cells) {
    this.size = size;
    this.cells = cells;
    this.marks = { box: null, strokes: [] };
    this.steps = [this.step()];
    this.at = 0;
    this.sequence = 0; // of the last request; earlier answers are dropped
    this.shown = null; // what is drawn of the cells, until they change
  }

  get changed() {
    return this.at > 0;
  }

  /** Whether there is no product: then nothing is dark, so that it can be found. */
  get empty() {
    return !this.cells.includes(1);
  }

  get canUndo() {
    return this.at > 0;
  }

  get canRedo() {
    return this.at < this.steps.length - 1;
  }

  step() {
    return { bits: packed(this.cells), marks: this.marks };
  }

  /** One step of the way back for a stroke, a box or a polygon. */
  remember() {
    this.steps = [...this.steps.slice(0, this.at + 1), this.step()];
    // The first step is the stored mask: what is undone never reaches behind it.
    if (this.steps.length > KEPT + 1) this.steps.splice(1, 1);
    this.at = this.steps.length - 1;
  }

  go(by) {
    const to = this.at + by;
    if (to < 0 || to >= this.steps.length) return false;
    this.at = to;
    this.cells = unpacked(this.steps[to].bits, this.cells.length);
    this.shown = null;
    this.marks = this.steps[to].marks;
    this.sequence += 1; // an answer on its way is of another step
    return true;
  }

  setBox(box) {
    this.marks = { ...this.marks, box };
    this.remember();
  }

  /** ``points`` in units, ``width`` in units; ``painted``: what the service cuts does not change it. */
  addStroke({ points, width, remove, filled = false, painted = false }) {
    const stroke = { points, width, remove, filled, painted };
    this.marks = { ...this.marks, strokes: [...this.marks.strokes, stroke] };
    this.paint([stroke]);
    this.remember();
  }

  /** The request for a draft by all marks. */
  request() {
    const [width, height] = this.size.map((side) => side * UNITS);
    const longer = Math.max(width, height);
    const { box, strokes } = this.marks;
    this.sequence += 1;
    return {
      box: box && [box[0] / width, box[1] / height, box[2] / width, box[3] / height],
      from: box ? "box" : "stored",
      sequence: this.sequence,
      strokes: strokes.slice(-200).map((stroke) => ({
        points: thinned(stroke.points).map(([x, y]) => [clamp(x / width), clamp(y / height)]),
        width: Math.min(stroke.width / longer, 1),
        remove: stroke.remove,
        filled: stroke.filled,
      })),
    };
  }

  /** Take a draft for the last step; false for one that comes late. */
  take(bitmap, sequence) {
    if (sequence !== this.sequence) return false;
    this.cells = cellsOf(bitmap, this.size);
    this.paint(this.marks.strokes.filter((stroke) => stroke.painted));
    this.steps[this.at] = this.step();
    return true;
  }

  paint(strokes) {
    this.shown = null;
    const [width, height] = this.size;
    for (const stroke of strokes) {
      const context = new OffscreenCanvas(width, height).getContext("2d", { willReadFrequently: true });
      context.scale(1 / UNITS, 1 / UNITS);
      context.lineCap = context.lineJoin = "round";
      context.lineWidth = stroke.width;
      context.beginPath();
      const points = stroke.points.length > 1 ? stroke.points : [stroke.points[0], stroke.points[0]];
      points.forEach(([x, y]) => context.lineTo(x, y));
      if (stroke.filled) context.fill("evenodd");
      else context.stroke();
      const { data } = context.getImageData(0, 0, width, height);
      for (let at = 0; at < this.cells.length; at += 1)
        if (data[4 * at + 3] >= 128) this.cells[at] = stroke.remove ? 0 : 1;
    }
  }

  /** Shade and contour, made once for the cells as they are. */
  drawn(side) {
    this.shown ??= { shade: this.empty ? null : this.shade(), contour: this.contour(side) };
    return this.shown;
  }

  /** What lies over the image outside the product: dark, so that its colours stay. */
  shade() {
    const [width, height] = this.size;
    const canvas = new OffscreenCanvas(width, height);
    const pixels = new ImageData(width, height);
    for (let at = 0; at < this.cells.length; at += 1) pixels.data[4 * at + 3] = this.cells[at] ? 0 : 184;
    canvas.getContext("2d").putImageData(pixels, 0, 0);
    return canvas;
  }

  /** The edge of the mask as a path in a square of ``side``, on which the image is centred. Corners
   * are cut at the middles of cells' edges (marching squares). */
  contour(side) {
    const [width, height] = this.size;
    const scale = side / Math.max(width, height);
    const [left, top] = [(side - width * scale) / 2, (side - height * scale) / 2];
    const is = (x, y) => (x < 0 || y < 0 || x >= width || y >= height ? 0 : this.cells[y * width + x]);
    const parts = [];
    const line = (...points) => {
      const [a, b, c, d] = points.map((value, at) => ((at % 2 ? top : left) + value * scale).toFixed(2));
      parts.push(`M${a} ${b}L${c} ${d}`);
    };
    for (let y = 0; y <= height; y += 1)
      for (let x = 0; x <= width; x += 1) {
        const kind = is(x - 1, y - 1) + 2 * is(x, y - 1) + 4 * is(x, y) + 8 * is(x - 1, y);
        if (kind === 0 || kind === 15) continue;
        const [north, east, south, west] = [[x, y - 0.5], [x + 0.5, y], [x, y + 0.5], [x - 0.5, y]];
        if ([1, 14, 5].includes(kind)) line(...west, ...north);
        if ([2, 13, 10].includes(kind)) line(...north, ...east);
        if ([4, 11, 5].includes(kind)) line(...east, ...south);
        if ([8, 7, 10].includes(kind)) line(...south, ...west);
        if ([3, 12].includes(kind)) line(...west, ...east);
        if ([6, 9].includes(kind)) line(...north, ...south);
      }
    return parts.join("");
  }

  async png() {
    const [width, height] = this.size;
    const canvas = new OffscreenCanvas(width, height);
    const pixels = new ImageData(width, height);
    for (let at = 0; at < this.cells.length; at += 1) {
      pixels.data.fill(255 * this.cells[at], 4 * at, 4 * at + 3);
      pixels.data[4 * at + 3] = 255;
    }
    canvas.getContext("2d").putImageData(pixels, 0, 0);
    return canvas.convertToBlob({ type: "image/png" });
  }
}

const clamp = (value) => Math.min(Math.max(value, -1), 2);

/** A stroke of a slow hand has more points than are taken. */
function thinned(points, most = 1000) {
  const every = Math.ceil(points.length / most);
  return points.filter((_, at) => at % every === 0 || at === points.length - 1);
}
