// The one canvas: an image with its matte, contour, crop box, matching places and brush strokes,
// and the pointers that work on it. Coordinates of callers are pixels of the upright image.

import { between, dragged, grabbed, rounded } from "./box.js";
import { paint } from "./painting.js";

const REACH = 22; // a finger hits a handle from so far
const MOST_ZOOM = 8;
const OUTSIDE = 0.72; // how dark it is where the product is not

/** An image of a matte (grey, white is the product) as the shade to lay over what is outside. */
export function shadeOf(matte) {
  const canvas = new OffscreenCanvas(matte.width, matte.height);
  const context = canvas.getContext("2d", { willReadFrequently: true });
  context.drawImage(matte, 0, 0);
  const pixels = context.getImageData(0, 0, canvas.width, canvas.height);
  const data = pixels.data;
  for (let at = 0; at < data.length; at += 4) {
    data[at + 3] = (255 - data[at]) * OUTSIDE;
    data[at] = data[at + 1] = data[at + 2] = 0;
  }
  context.putImageData(pixels, 0, 0);
  return canvas;
}

export class Board {
  /** ``onBox(box, done)`` while a box is drawn or dragged and once at the end; ``onStroke({points,
   * remove, width})`` at the end of a stroke. */
  constructor(canvas, { onBox = () => {}, onStroke = () => {} } = {}) {
    this.canvas = canvas;
    this.callbacks = { onBox, onStroke };
    this.scene = { image: null, size: [1, 1], shade: null, shadeBox: null, contour: null,
      box: null, places: [], strokes: [], tool: "none", brush: 12, remove: false };
    this.zoom = 1;
    this.middle = [0.5, 0.5]; // of the view, in fractions of the image
    this.pointers = new Map();
    this.gesture = null;
    this.observer = new ResizeObserver(() => this.draw());
    this.observer.observe(canvas);
    const on = (type, work) => canvas.addEventListener(type, work);
    on("pointerdown", (event) => this.down(event));
    on("pointermove", (event) => this.move(event));
    on("pointerup", (event) => this.up(event));
    on("pointercancel", (event) => this.up(event, true));
    on("dblclick", () => this.reset());
    on("contextmenu", (event) => this.scene.tool === "brush" && event.preventDefault());
    // Without Ctrl the wheel scrolls the page.
    canvas.addEventListener("wheel", (event) => this.wheel(event), { passive: false });
  }

  close() {
    this.observer.disconnect();
  }

  /** Replace parts of the scene and draw it. ``size`` is that of the upright image in pixels, which
   * may have been decoded smaller. */
  show(parts) {
    if (parts.image !== undefined && parts.image !== this.scene.image) this.reset();
    Object.assign(this.scene, parts);
    const still = this.scene.tool === "none" && this.zoom === 1;
    this.canvas.classList.toggle("still", still); // the page scrolls under a finger
    this.draw();
  }

  reset() {
    this.zoom = 1;
    this.middle = [0.5, 0.5];
    this.draw();
  }

  zoomed(factor) {
    this.zoom = Math.min(Math.max(this.zoom * factor, 1), MOST_ZOOM);
    if (this.zoom === 1) this.middle = [0.5, 0.5];
    this.show({});
  }

  // Between the screen (CSS pixels within the canvas) and the image.

  get scale() {
    const { clientWidth, clientHeight } = this.canvas;
    const [width, height] = this.scene.size;
    return this.zoom * Math.min(clientWidth / width, clientHeight / height);
  }

  toScreen(x, y) {
    const [width, height] = this.scene.size;
    return [
      this.canvas.clientWidth / 2 + (x - this.middle[0] * width) * this.scale,
      this.canvas.clientHeight / 2 + (y - this.middle[1] * height) * this.scale,
    ];
  }

  toImage(event) {
    const { left, top } = this.canvas.getBoundingClientRect();
    const [x, y] = this.toScreen(0, 0);
    return [(event.clientX - left - x) / this.scale, (event.clientY - top - y) / this.scale];
  }

  // Pointers: one works the tool, two pan and zoom.

  down(event) {
    if (!this.scene.image) return;
    this.canvas.setPointerCapture(event.pointerId);
    this.pointers.set(event.pointerId, event);
    if (this.pointers.size === 2) this.gesture = this.pinchStart();
    else if (this.pointers.size === 1) this.gesture = this.start(event);
  }

  start(event) {
    const { tool, box, brush, remove } = this.scene;
    const at = this.toImage(event);
    if (tool === "brush") {
      const away = event.altKey || event.button === 2 ? !remove : remove;
      return { kind: "stroke", stroke: { points: [at], remove: away, width: brush } };
    }
    // A finger draws no box by accident: it scrolls until cropping is switched on.
    if (tool !== "box" && event.pointerType !== "mouse") return null;
    const part = box && grabbed(box, ...at, REACH / this.scale);
    return part ? { kind: "drag", part, at, box } : { kind: "draw", at };
  }

  move(event) {
    if (!this.pointers.has(event.pointerId)) return this.hover(event);
    this.pointers.set(event.pointerId, event);
    const gesture = this.gesture;
    if (!gesture) return;
    if (gesture.kind === "pinch") return this.pinch(gesture);
    if (gesture.kind === "stroke") {
      // A fast hand moves far between two frames: all its places count.
      const events = event.getCoalescedEvents?.() ?? [];
      gesture.stroke.points.push(...(events.length ? events : [event]).map((e) => this.toImage(e)));
      return this.draw();
    }
    const box = this.boxOf(gesture, this.toImage(event));
    if (box) this.callbacks.onBox((gesture.last = rounded(box)), false);
  }

  boxOf(gesture, [x, y]) {
    if (gesture.kind === "draw") return between(gesture.at, [x, y], this.scene.size);
    const by = [x - gesture.at[0], y - gesture.at[1]];
    return dragged(gesture.box, gesture.part, ...by, this.scene.size);
  }

  up(event, cancelled = false) {
    const gesture = this.gesture;
    this.pointers.delete(event.pointerId);
    if (gesture?.kind === "pinch" && this.pointers.size) return;
    this.gesture = null;
    if (gesture?.last) this.callbacks.onBox(gesture.last, true);
    if (gesture?.kind === "stroke" && !cancelled) this.callbacks.onStroke(gesture.stroke);
    this.draw();
  }

  hover(event) {
    const { box, tool, image } = this.scene;
    if (tool === "brush" || !image) return;
    const part = box && grabbed(box, ...this.toImage(event), REACH / this.scale);
    const cursor = !part ? "crosshair" : part === "move" ? "move" : `${part}-resize`;
    this.canvas.style.cursor = cursor;
  }

  pinchStart() {
    const [one, two] = this.pointers.values();
    return { kind: "pinch", apart: apart(one, two), centre: centre(one, two), zoom: this.zoom };
  }

  pinch(gesture) {
    if (this.pointers.size < 2) return;
    const [one, two] = this.pointers.values();
    const now = centre(one, two);
    this.pan(now[0] - gesture.centre[0], now[1] - gesture.centre[1]);
    gesture.centre = now;
    this.zoom = Math.min(Math.max((gesture.zoom * apart(one, two)) / gesture.apart, 1), MOST_ZOOM);
    this.draw();
  }

  pan(dx, dy) {
    const [width, height] = this.scene.size;
    const [x, y] = [this.middle[0] - dx / this.scale / width, this.middle[1] - dy / this.scale / height];
    this.middle = [x, y].map((value) => Math.min(Math.max(value, 0), 1));
  }

  wheel(event) {
    if (!event.ctrlKey) return;
    event.preventDefault();
    this.zoomed(event.deltaY < 0 ? 1.2 : 1 / 1.2);
  }

  draw() {
    const { canvas, scene } = this;
    const ratio = window.devicePixelRatio || 1;
    const [width, height] = [canvas.clientWidth, canvas.clientHeight].map((side) => Math.round(side * ratio));
    if (canvas.width !== width) canvas.width = width;
    if (canvas.height !== height) canvas.height = height;
    const context = canvas.getContext("2d");
    context.setTransform(ratio, 0, 0, ratio, 0, 0);
    context.clearRect(0, 0, canvas.clientWidth, canvas.clientHeight);
    const unfinished = this.gesture?.kind === "stroke" ? [this.gesture.stroke] : [];
    if (scene.image) paint(context, this, { ...scene, strokes: [...scene.strokes, ...unfinished] });
  }
}

const apart = (one, two) => Math.hypot(one.clientX - two.clientX, one.clientY - two.clientY);

const centre = (one, two) => [(one.clientX + two.clientX) / 2, (one.clientY + two.clientY) / 2];
