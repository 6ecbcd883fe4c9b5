// The queue of masks that may be incorrect: look, accept, exclude, or repair.

import { html, useEffect, useRef, useState } from "./vendor/htm-preact-standalone-3.1.1.module.js";
import { nudged } from "./box.js";
import { Board } from "./canvas.js";
import { CatalogueImage } from "./hits.js";
import { cellsOf, gridOf, MaskEditor, UNITS } from "./mask-editor.js";
import { PATH_SIDE } from "./overlay.js";
import * as api from "./review-api.js";
import { isTyped, useKeys } from "./review-keys.js";
import { words } from "./words.js";

const KEPT = 16; // images in memory, with their drafts
const AHEAD = 3; // images that are loaded before they are looked at
const PAGE = 20;
const CHANGED = 412; // the status where a mask is of another version
const ANY = "*"; // version
const BRUSH = { least: 1, most: 64, start: 8, factor: 1.25 }; // cells

/** The queue as a person goes through it. */
export class MaskQueue {
  constructor(gallery, changed) {
    Object.assign(this, { gallery, changed, items: [], place: 0, after: "", total: null });
    Object.assign(this, { loading: false, loaded: new Map(), ready: new Map() });
  }

  get item() {
    return this.items[this.place] ?? null;
  }

  get ended() {
    return this.item === null && this.after === null;
  }

  /** Load what is missing ahead; pages may be empty before the last. */
  async fill() {
    if (this.loading) return;
    this.loading = true;
    try {
      while (this.after !== null && this.items.length - this.place <= AHEAD) {
        const page = await api.masks(this.gallery, this.after, PAGE);
        this.total ??= page.counts.left;
        const known = new Set(this.items.map(({ id }) => id));
        this.items.push(...page.images.filter(({ id }) => !known.has(id)));
        this.after = page.after;
        this.changed();
      }
    } finally {
      this.loading = false;
    }
    this.items.slice(this.place, this.place + AHEAD + 1).forEach((item) => this.load(item).catch(() => {}));
    this.changed();
  }

  /** Image and mask of an item, as an editor; loaded once. */
  load(item) {
    if (!this.loaded.has(item.id)) {
      const both = Promise.all([api.imageOf(item), api.storedMask(item)]);
      const made = both.then(([image, stored]) => {
        const size = gridOf(image);
        item.version = stored.version;
        const opened = { image, editor: new MaskEditor(size, cellsOf(stored.bitmap, size)) };
        if (this.loaded.has(item.id)) this.ready.set(item.id, opened);
        return opened;
      });
      made.catch(() => this.loaded.delete(item.id));
      this.loaded.set(item.id, made);
      [...this.loaded.keys()].slice(0, -KEPT).forEach((id) => this.forget({ id }));
    }
    return this.loaded.get(item.id);
  }

  forget({ id }) {
    this.loaded.delete(id);
    this.ready.delete(id);
  }

  go(to) {
    this.place = Math.min(Math.max(to, 0), this.items.length);
    this.changed();
    return this.fill();
  }
}

export function Masks({ gallery, act }) {
  const [, redraw] = useState(0);
  const queue = useRef(null);
  useEffect(() => {
    queue.current = new MaskQueue(gallery, () => redraw((count) => count + 1));
    queue.current.fill().catch(act.failed);
  }, [gallery]);
  const keys = useRef(null);
  useKeys(keys);
  const now = queue.current;
  const ended = now?.ended && !now.item;
  keys.current = (event) => (isTyped(event) ? undefined : { u: act.undo, ArrowLeft: ended && (() => now.go(now.place - 1)) }[event.key]);
  if (!now || (!now.item && !now.ended)) return html`<p class="quiet slow">${words.loading}</p>`;
  if (ended)
    return html`<div class="panel start"><h2>${words.queueDone}</h2>
      <button type="button" disabled=${!now.items.length} onClick=${() => now.go(now.place - 1)}>${words.back}</button></div>`;
  return html`<${MaskReview} key=${now.item.id} queue=${now} item=${now.item} act=${act} gallery=${gallery} keys=${keys} />`;
}

const reason = (item) => {
  const parts = item.nearest ? [words.nearAnother] : [];
  if (item.trust !== null) parts.push(words.maskTrust(item.trust));
  return [...parts, ...item.flags.map((flag) => words.flags[flag] ?? flag)].join("; ");
};

function MaskReview({ queue, item, act, gallery, keys }) {
  const [opened, setOpened] = useState(queue.ready.get(item.id) ?? null); // at once where it is loaded
  const [mode, setMode] = useState({ tool: "stroke", remove: false, brush: BRUSH.start, corners: [], box: null });
  const [, redraw] = useState(0);
  const [waiting, setWaiting] = useState(false);
  const canvas = useRef(null);
  const editor = opened?.editor;
  useEffect(() => {
    let current = true;
    queue.load(item).then((made) => current && setOpened(made), act.failed);
    return () => (current = false);
  }, [item]);

  const show = () => redraw((count) => count + 1);
  const set = (patch) => setMode((before) => ({ ...before, ...patch }));
  const refine = async () => {
    const request = editor.request();
    setWaiting(true);
    try {
      const { bitmap, sequence } = await api.refined(gallery, item.id, request);
      if (!editor.take(bitmap, sequence)) return;
    } catch (error) {
      if (request.sequence === editor.sequence) act.failed(error);
    } finally {
      if (request.sequence === editor.sequence) setWaiting(false);
    }
    show();
  };
  const next = () => queue.go(queue.place + 1).catch(act.failed);
  const decide = (decision, told) => {
    const place = queue.place;
    const back = () => queue.go(place).catch(act.failed);
    act.decided(api.decide(gallery, [decision]), told, back);
    next();
  };
  const keep = async (png, version = null) => {
    const place = queue.place;
    const go = () => queue.go(place).catch(act.failed);
    const back = () => (queue.forget(item), go());
    const refused = (error) => {
      if (error.status === CHANGED) item.refused = png;
      else act.failed(error);
      go(); // to the draft, which is still there
    };
    item.refused = null;
    // A save that is not answered yet makes the version that this one is of.
    const saved = Promise.resolve(item.saving).then(() => api.saveMask(gallery, item.id, png, version ?? item.version));
    item.saving = saved.then((answer) => void (item.version = answer.version), () => {});
    act.decided(saved.then((answer) => [answer.decision]), words.saved, back, { answered: saved.then(words.savedAs), refused });
    next();
  };
  const loadOther = () => {
    item.refused = null;
    queue.forget(item);
    setOpened(null);
    queue.load(item).then(setOpened, act.failed);
  };
  const actions = {
    accept: () => decide({ kind: "accept", image: item.id, version: item.version }, words.accepted),
    exclude: () => decide({ kind: "exclude", image: item.id }, words.excluded),
    next,
    back: () => queue.go(queue.place - 1).catch(act.failed),
    save: async () => keep(await editor.png()),
    tool: (tool) => set({ tool: mode.tool === tool ? "stroke" : tool, corners: [], box: null }),
    moved: (box) => set({ box }),
    toggle: () => set({ remove: !mode.remove }),
    size: (larger) => set({ brush: resized(mode.brush, larger) }),
    undo: () => editor.go(-1) && (setWaiting(false), show()),
    redo: () => editor.go(1) && (setWaiting(false), show()),
    refine,
    close: () => {
      editor.addStroke({ points: mode.corners, width: 1, remove: mode.remove, filled: true, painted: true });
      set({ corners: [], tool: "stroke" });
    },
    stroke: (stroke, painted) => {
      editor.addStroke({ ...stroke, painted });
      show();
      if (!painted) refine();
    },
    box: (box) => {
      editor.setBox(box);
      set({ tool: "stroke", box: null });
      show();
      refine();
    },
    corner: (point) => set({ corners: [...mode.corners, point] }),
    upload: (png) => keep(png),
    over: async () => keep(editor.changed ? await editor.png() : item.refused, ANY),
    loadOther,
  };
  keys.current = keysOf(actions, { mode, editor, set, act });
  useEffect(() => canvas.current?.focus({ preventScroll: true }), [opened]);
  return html`<div class="mask-review">
    <section class="panel photo" aria-label=${words.mask}>
      <div class="heading"><h2 id="place" aria-live="polite">${position(queue)}</h2>
        <p class="quiet"><bdi>${item.product}</bdi></p></div>
      <${Surface} opened=${opened} mode=${mode} actions=${actions} canvas=${canvas} />
      ${item.refused && html`<${Changed} actions=${actions} />`}
      <p class="concern" id="reason">${reason(item)}</p>
      <p class="quiet ${waiting ? "slow" : ""}" role="status">${waiting ? words.cutting : stateOf(editor)}</p>
    </section>
    <${Controls} mode=${mode} editor=${editor} actions=${actions} set=${set} canvas=${canvas} queue=${queue} item=${item} />
  </div>`;
}

/** What can be done with a draft of a mask that was changed elsewhere since it was loaded. */
function Changed({ actions }) {
  return html`<div class="panel verdict" role="alert" id="mask-changed">
    <p><strong>${words.maskChanged}</strong></p>
    <p>${words.draftKept}</p>
    <div class="row"><button type="button" id="save-over" onClick=${actions.over}>${words.saveOver}</button>
      <button type="button" id="load-other" onClick=${actions.loadOther}>${words.loadOther}</button></div>
  </div>`;
}

const stateOf = (editor) => (editor?.empty ? words.emptyMask : editor?.changed ? words.draft : words.stored);

const position = ({ place, total }) =>
  place < total ? words.position(place + 1, total) : words.beyond(place + 1);

const resized = (brush, larger) => {
  const size = larger ? Math.max(brush * BRUSH.factor, brush + 1) : Math.min(brush / BRUSH.factor, brush - 1);
  return Math.round(Math.min(Math.max(size, BRUSH.least), BRUSH.most));
};

/** The canvas: the image, dark outside the mask, its contour, and what the pointer draws. */
function Surface({ opened, mode, actions, canvas }) {
  const board = useRef(null);
  const cursor = useRef(null);
  const current = useRef({});
  current.current = { mode, actions };
  const painted = useRef(false); // whether Shift was held when the stroke began
  useEffect(() => {
    const element = canvas.current;
    board.current = new Board(element, {
      onBox: (box, done) => {
        if (current.current.mode.tool !== "box") return;
        current.current.actions[done ? "box" : "moved"](box);
      },
      onStroke: (stroke) =>
        current.current.actions.stroke(stroke, painted.current || current.current.mode.tool === "brush"),
    });
    const down = (event) => (painted.current = event.shiftKey);
    const wheel = (event) => {
      if (event.ctrlKey) return;
      event.preventDefault();
      current.current.actions.size(event.deltaY < 0);
    };
    element.addEventListener("pointerdown", down, true);
    element.addEventListener("wheel", wheel, { passive: false });
    return () => board.current.close();
  }, []);
  const editor = opened?.editor;
  useEffect(() => {
    if (!editor) return;
    const drawn = mode.corners.length ? [{ points: [...mode.corners, mode.corners[0]], remove: mode.remove, width: 1 }] : [];
    board.current.show({
      image: opened.image,
      size: editor.size.map((side) => side * UNITS),
      ...editor.drawn(PATH_SIDE),
      box: mode.tool === "box" ? (mode.box ?? editor.marks.box) : null,
      tool: { stroke: "brush", brush: "brush" }[mode.tool] ?? mode.tool,
      brush: mode.brush * UNITS,
      remove: mode.remove,
      strokes: drawn,
    });
  });
  const move = (event) => {
    const { left, top } = canvas.current.getBoundingClientRect();
    const side = mode.brush * UNITS * board.current.scale;
    Object.assign(cursor.current.style, {
      left: `${event.clientX - left}px`, top: `${event.clientY - top}px`, width: `${side}px`, height: `${side}px`,
    });
  };
  const click = (event) => mode.tool === "polygon" && actions.corner(board.current.toImage(event));
  const keyed = (event) => {
    if (mode.tool !== "box" || !editor) return;
    const size = editor.size.map((side) => side * UNITS);
    const box = mode.box ?? editor.marks.box ?? size.map((side) => side * 0.1).concat(size.map((side) => side * 0.9));
    const moved = nudged(box, event, size);
    if (moved) actions.moved(moved);
    else if (event.key === "Enter") actions.box(box);
    else return;
    event.preventDefault();
    event.stopPropagation();
  };
  const brushes = mode.tool === "stroke" || mode.tool === "brush";
  return html`<div class=${`board editing ${brushes ? "brushing" : ""} ${mode.remove ? "removing" : ""}`}>
    <canvas ref=${canvas} id="mask-board" tabindex="0" role="application" aria-label=${words.maskCanvas}
      aria-describedby="reason" onPointerMove=${move} onClick=${click} onKeyDown=${keyed}></canvas>
    <span class="cursor" ref=${cursor} aria-hidden="true"></span>
  </div>`;
}

function Controls({ mode, editor, actions, set, canvas, queue, item }) {
  // The keys belong to the canvas again after a click on a button.
  const does = (work) => () => (work(), canvas.current?.focus({ preventScroll: true }));
  const button = (id, label, key, work, more = {}) => html`<button type="button" id=${id} title=${label}
    aria-keyshortcuts=${key} onClick=${does(work)} ...${more}>${label} <kbd>${words.keyNames[key] ?? key}</kbd></button>`;
  const pressed = (tool) => ({ "aria-pressed": String(mode.tool === tool) });
  const changed = Boolean(editor?.changed);
  const chosen = async (event) => {
    const [file] = event.target.files;
    if (file) actions.upload(file);
  };
  return html`<div class="controls">
    <section class="panel row" aria-label=${words.decision}>
      ${changed
        ? button("save", words.save, "Enter", actions.save, { class: "strong", disabled: editor.empty })
        : button("accept", words.accept, "Enter", actions.accept, { class: "strong", disabled: !editor || editor.empty })}
      ${button("exclude", words.exclude, "X", actions.exclude)}
      ${button("back", words.back, "ArrowLeft", actions.back, { disabled: queue.place === 0 })}
      ${button("skip", words.skip, "ArrowRight", actions.next)}
    </section>
    <section class="panel" aria-label=${words.repair}>
      <div class="row">
        ${button("box", words.box, "B", () => actions.tool("box"), pressed("box"))}
        ${button("brush", words.brush, "Shift", () => actions.tool("brush"), pressed("brush"))}
        ${button("polygon", words.polygon, "P", () => actions.tool("polygon"), pressed("polygon"))}
        ${button("remove", words.remove, "E", actions.toggle, { "aria-pressed": String(mode.remove) })}
      </div>
      ${mode.tool === "polygon" && html`<div class="row">${button("close", words.closePolygon, "Enter", actions.close, { disabled: mode.corners.length < 3 })}</div>`}
      <label class="scale">${words.size} <input type="range" id="size" min=${BRUSH.least} max=${BRUSH.most} value=${mode.brush}
        onInput=${(event) => set({ brush: event.target.valueAsNumber })} /> <output>${mode.brush}</output></label>
      <div class="row">
        ${button("undo", words.undoStep, "Control+Z", actions.undo, { disabled: !editor?.canUndo })}
        ${button("redo", words.redoStep, "Control+Shift+Z", actions.redo, { disabled: !editor?.canRedo })}
        ${button("refine", words.refine, "R", actions.refine, { disabled: !changed })}
      </div>
      <label class="button"><input type="file" class="hidden" id="mask-file" accept="image/png" onChange=${chosen} />${words.maskFile}</label>
    </section>
    <details><summary>${words.help}</summary><ul class="quiet">${words.maskHelp.map((line) => html`<li>${line}</li>`)}</ul></details>
    ${item.nearest && html`<figure class="panel nearest"><div class="image"><${CatalogueImage} path=${item.nearest.thumbnail_url} name=${words.nearestImage} /></div><figcaption class="quiet">${words.nearestImage}</figcaption></figure>`}
  </div>`;
}

/** What a key does with the mask that is looked at. */
function keysOf(actions, { mode, editor, set, act }) {
  return (event) => {
    if (isTyped(event)) return undefined;
    const control = event.ctrlKey || event.metaKey;
    const key = event.key.length === 1 ? event.key.toLowerCase() : event.key;
    const always = { x: actions.exclude, u: act.undo, ArrowRight: actions.next, ArrowLeft: actions.back };
    if (!editor) return control || event.altKey ? undefined : always[key];
    if (control && key === "z") return event.shiftKey ? actions.redo : actions.undo;
    if (control || event.altKey) return undefined;
    if (key === "Enter") {
      if (event.target.closest?.("button, a, summary")) return undefined;
      if (mode.tool === "polygon") return mode.corners.length > 2 ? actions.close : undefined;
      if (editor.empty) return undefined;
      return editor.changed ? actions.save : actions.accept;
    }
    const boxing = mode.tool === "box" && key.startsWith("Arrow");
    const known = {
      ...always, b: () => actions.tool("box"), p: () => actions.tool("polygon"),
      e: actions.toggle, s: editor.changed && !editor.empty ? actions.save : undefined, r: editor.changed ? actions.refine : undefined,
      "[": () => actions.size(false), "]": () => actions.size(true),
      Escape: () => set({ tool: "stroke", corners: [] }),
    };
    return boxing || event.target.closest?.("input[type=range]") ? undefined : known[key];
  };
}
