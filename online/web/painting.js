// What the canvas shows, drawn in CSS pixels.

import { PATH_SIDE } from "./overlay.js";

const HANDLE = 11; // of a handle's side

/** The scene from the bottom to the top. ``view`` has ``scale`` and ``toScreen`` of a Board. */
export function paint(context, view, scene) {
  context.imageSmoothingQuality = "high";
  over(context, view, scene.image, [0, 0, ...scene.size]);
  const described = scene.shadeBox ?? [0, 0, ...scene.size];
  if (scene.shade) over(context, view, scene.shade, described);
  if (scene.contour) contourLine(context, view, scene.contour, described);
  if (scene.box) cropBox(context, view, scene);
  scene.places.forEach((place) => placeMark(context, view, place));
  scene.strokes.forEach((stroke) => strokeLine(context, view, stroke));
}

function over(context, view, image, [x1, y1, x2, y2]) {
  const [left, top] = view.toScreen(x1, y1);
  context.drawImage(image, left, top, (x2 - x1) * view.scale, (y2 - y1) * view.scale);
}

/** The contour of what was described, which is centred on a square. */
function contourLine(context, view, contour, [x1, y1, x2, y2]) {
  const side = Math.max(x2 - x1, y2 - y1);
  const [left, top] = view.toScreen((x1 + x2 - side) / 2, (y1 + y2 - side) / 2);
  const scale = (side * view.scale) / PATH_SIDE;
  const path = new Path2D();
  path.addPath(new Path2D(contour), new DOMMatrix([scale, 0, 0, scale, left, top]));
  edged(context, "#6ea8ff", 1.5, () => context.stroke(path));
}

function cropBox(context, view, { box, size }) {
  const [x1, y1] = view.toScreen(...box.slice(0, 2));
  const [x2, y2] = view.toScreen(...box.slice(2));
  const outside = new Path2D();
  outside.rect(...view.toScreen(0, 0), size[0] * view.scale, size[1] * view.scale);
  outside.rect(x1, y1, x2 - x1, y2 - y1);
  context.fillStyle = "rgb(0 0 0 / .55)";
  context.fill(outside, "evenodd");
  edged(context, "#fff", 1.5, () => context.strokeRect(x1, y1, x2 - x1, y2 - y1));
  const [middleX, middleY] = [(x1 + x2) / 2, (y1 + y2) / 2];
  for (const x of [x1, middleX, x2])
    for (const y of [y1, middleY, y2])
      if (x !== middleX || y !== middleY) {
        context.fillStyle = "#fff";
        context.fillRect(x - HANDLE / 2, y - HANDLE / 2, HANDLE, HANDLE);
        context.strokeStyle = "#0b57c4";
        context.strokeRect(x - HANDLE / 2, y - HANDLE / 2, HANDLE, HANDLE);
      }
}

function placeMark(context, view, { x, y, number, colour }) {
  const [left, top] = view.toScreen(x, y);
  context.beginPath();
  context.arc(left, top, 9, 0, 2 * Math.PI);
  context.fillStyle = colour;
  context.fill();
  edged(context, "#fff", 1, () => context.stroke());
  context.fillStyle = "#fff";
  context.font = "700 11px system-ui, sans-serif";
  context.textAlign = "center";
  context.textBaseline = "middle";
  context.fillText(number, left, top);
}

function strokeLine(context, view, { points, remove, width }) {
  const path = new Path2D();
  points.forEach((point) => path.lineTo(...view.toScreen(...point)));
  context.lineCap = context.lineJoin = "round";
  context.lineWidth = width * view.scale;
  context.strokeStyle = remove ? "rgb(255 154 90 / .5)" : "rgb(110 168 255 / .5)";
  context.stroke(path);
  // Not by colour alone: what removes is dashed.
  context.setLineDash(remove ? [6, 5] : []);
  edged(context, "#fff", 1.5, () => context.stroke(path));
  context.setLineDash([]);
}

/** A line that is seen on any image: a dark edge below it. */
function edged(context, colour, width, stroke) {
  context.lineWidth = width + 2;
  context.strokeStyle = "rgb(0 0 0 / .55)";
  stroke();
  context.lineWidth = width;
  context.strokeStyle = colour;
  stroke();
}
