// The photo: chosen, dropped, pasted, taken or from the catalogue, and the crop box on it.

import { html, useEffect, useRef, useState } from "./vendor/htm-preact-standalone-3.1.1.module.js";
import { at, bytes } from "./api.js";
import { nudged, whole, withEdge } from "./box.js";
import { Board, shadeOf } from "./canvas.js";
import { words } from "./words.js";

const MOST_PIXELS = 20e6; // larger photos are sent smaller: no phone waits for what is not used
const SENT_QUALITY = 0.92;
const SHOWN = 2048; // longer side in pixels: the photos of a session's searches stay in memory
const THUMBNAIL = 96; // pixels

/** A photo of a file: ``image`` is null where the browser cannot decode it, as HEIC in most. */
export async function photoOf(file) {
  const photo = { file, name: file.name || words.photo, image: null, size: null, note: "", thumbnail: "" };
  try {
    // Upright: the browser applies the orientation that the camera wrote, as the service does.
    photo.image = await createImageBitmap(file);
  } catch {
    return { ...photo, note: words.notShown };
  }
  photo.size = [photo.image.width, photo.image.height];
  photo.thumbnail = thumbnailOf(photo.image);
  const pixels = photo.size[0] * photo.size[1];
  const sent = pixels > MOST_PIXELS ? await smaller(photo, Math.sqrt(MOST_PIXELS / pixels)) : photo;
  const factor = SHOWN / Math.max(...sent.size);
  return factor < 1 ? { ...sent, image: await resized(sent.image, factor) } : sent;
}

/** Less to send, as a JPEG. */
async function smaller(photo, factor) {
  const image = await resized(photo.image, factor);
  const size = [image.width, image.height];
  const canvas = new OffscreenCanvas(...size);
  canvas.getContext("2d").drawImage(image, 0, 0);
  const file = await canvas.convertToBlob({ type: "image/jpeg", quality: SENT_QUALITY });
  const megapixels = (sides) => (sides[0] * sides[1]) / 1e6;
  return { ...photo, file, image, size, note: words.shrunk(megapixels(photo.size), megapixels(size)) };
}

/** In place of the image, whose memory is let go. */
async function resized(image, factor) {
  const [width, height] = [image.width, image.height].map((side) => Math.max(1, Math.round(side * factor)));
  const made = await createImageBitmap(image, { resizeWidth: width, resizeHeight: height, resizeQuality: "high" });
  image.close();
  return made;
}

/** A catalogue image as a photo: its bytes, so that it can be cut out and cropped like one. Without
 * them, as where the file has moved, it can still be searched for by its id. */
export async function photoOfCatalogue(id, gallery, product = "") {
  const name = product || words.fromCatalogue(id);
  try {
    const file = await bytes(at(`v1/images/${id}`, { gallery }));
    return { ...(await photoOf(file)), id, product, name };
  } catch (error) {
    if (error.status !== 404) throw error;
    return { file: null, name, image: null, size: null, note: words.notThere, thumbnail: "", id, product };
  }
}

/** A small square of the image, whole, as a data address. */
function thumbnailOf(image) {
  const canvas = document.createElement("canvas");
  canvas.width = canvas.height = THUMBNAIL;
  const { width, height } = image;
  const scale = THUMBNAIL / Math.max(width, height);
  const [x, y] = [(THUMBNAIL - width * scale) / 2, (THUMBNAIL - height * scale) / 2];
  const context = canvas.getContext("2d");
  context.fillStyle = "#fff";
  context.fillRect(0, 0, THUMBNAIL, THUMBNAIL);
  context.drawImage(image, x, y, width * scale, height * scale);
  return canvas.toDataURL("image/jpeg", 0.8);
}

/** The image files of a drop or a paste, and any file of a chooser: the service judges by content. */
export function fileOf(transfer) {
  const files = [...(transfer?.files ?? [])];
  return files.find((file) => file.type.startsWith("image/")) ?? files[0] ?? null;
}

/** Both inputs: with ``capture`` alone phones hide their library. */
export function Inputs({ take, small }) {
  const took = (event) => {
    const [file] = event.target.files;
    event.target.value = ""; // so that the same file can be chosen again
    if (file) take(file);
  };
  return html`<div class="inputs">
    <label class=${small ? "button" : "button strong"}>
      <input class="hidden" id="choose" type="file" accept="image/*,.heic,.heif" onChange=${took} />
      ${small ? words.another : words.choose}
    </label>
    <label class="button camera">
      <input class="hidden" id="camera" type="file" accept="image/*,.heic,.heif" capture="environment" onChange=${took} />
      ${words.camera}
    </label>
  </div>`;
}

/** The photo on its canvas with matte and crop box. ``crop(box, done)``; ``places``: those of the hit
 * that is pointed at. */
export function PhotoPanel({ photo, box, matte, useMask, places, crop }) {
  const canvas = useRef(null);
  const board = useRef(null);
  const current = useRef(crop);
  current.current = crop;
  useEffect(() => {
    board.current = new Board(canvas.current, { onBox: (...made) => current.current(...made) });
    return () => board.current.close();
  }, []);
  const shade = useShade(useMask ? matte?.mask.png : null);
  useEffect(() => {
    const described = matte?.photo.box;
    // Places of a hit are seen better on the plain photo.
    const plain = places.length > 0;
    board.current.show({
      image: photo.image,
      size: photo.size ?? [1, 1],
      box,
      tool: box ? "box" : "none",
      shade: plain ? null : shade,
      contour: plain || !shade ? null : matte?.mask.contour,
      shadeBox: described,
      places,
    });
  }, [photo, box, shade, matte, places]);
  const flags = useMask ? (matte?.mask.flags ?? []).map((flag) => words.flags[flag]).filter(Boolean) : [];
  const concern = flags.length > 0 && html`<p class="concern">${words.care(flags)}</p>`;
  const keyed = (event) => {
    if (event.key === "Escape" && box) return crop(null, true);
    const next = photo.size && nudged(box ?? whole(photo.size), event, photo.size);
    if (!next) return undefined;
    event.preventDefault();
    return crop(next, true);
  };
  return html`<div class="board">
    <canvas ref=${canvas} id="board" tabindex="0" role="application" aria-label=${words.canvas(box)}
      aria-describedby="crop-help" onKeyDown=${keyed}></canvas>
    ${!photo.image && html`<p class="over">${words.notShown}</p>`}
    ${concern && !box && !places.length && concern}
  </div>
  ${concern && box && concern}`; // below the image where it would cover handles
}

/** The shade of a matte once its data address is decoded. */
function useShade(png) {
  const [shade, setShade] = useState(null);
  useEffect(() => {
    let current = true;
    setShade(null);
    const image = new Image();
    image.src = png ?? "";
    if (png) image.decode().then(() => current && setShade(shadeOf(image)), () => {});
    return () => (current = false);
  }, [png]);
  return shade;
}

export function CropButton({ photo, box, crop }) {
  if (!photo.size) return null;
  return box
    ? html`<button type="button" key="uncrop" id="uncrop" onClick=${() => crop(null, true)}>${words.wholePhoto}</button>`
    : html`<button type="button" key="crop" id="crop" onClick=${() => crop(inner(photo.size), true)}>${words.crop}</button>`;
}

/** Numbers for the edges of the box: what the handles do, without a pointer. */
export function CropFields({ photo, box, crop }) {
  if (!photo.size || !box) return null;
  const commit = (at) => (value) => crop(withEdge(box, at, value, photo.size), true);
  return html`<fieldset class="edges">
    <legend class="hidden">${words.crop}</legend>
    ${words.edges.map((name, at) => html`<${Edge} key=${name} name=${name} most=${photo.size[at % 2]}
      value=${box[at]} commit=${commit(at)} />`)}
  </fieldset>`;
}

/** What is being typed is left alone until it is a whole number. */
function Edge({ name, most, value, commit }) {
  const [typed, setTyped] = useState(null);
  const changed = (event) => {
    setTyped(null);
    if (Number.isFinite(event.target.valueAsNumber)) commit(event.target.valueAsNumber);
  };
  return html`<label>${name} <input type="number" min="0" max=${most} value=${typed ?? value}
    onInput=${(event) => setTyped(event.target.value)} onChange=${changed} /></label>`;
}

/** Where a box begins: four fifths of the photo, so that all handles are seen. */
export const inner = ([width, height]) => [0.1 * width, 0.1 * height, 0.9 * width, 0.9 * height].map(Math.round);
