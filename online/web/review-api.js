// What review requests of the service.

import { at, bytes, call } from "./api.js";

const json = async (path, options) => (await call(path, options)).json();

const post = (path, body, signal) =>
  json(path, { method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify(body), signal });

export const masks = (gallery, after, limit) => json(at("v1/review/masks", { gallery, after, limit }));

export const predicted = (gallery, category, limit) =>
  json(at("v1/review/categories", { gallery, category, limit }));

export const neighbours = (gallery, image) => json(at("v1/review/neighbours", { gallery, image }));

export const duplicates = (gallery, after) => json(at("v1/review/duplicates", { gallery, after }));

export const excluded = (gallery, after, limit) => json(at("v1/review/excluded", { gallery, after, limit }));

/** Ids of the decisions, in their order: all are kept, or none. ``wait``: until the gallery is as they
 * call for, so that a list that is loaded then has it. */
export const decide = async (gallery, decisions, wait = 0) =>
  (await post(at("v1/review/decisions", { gallery, wait }), { decisions })).decisions;

export const undo = (gallery, ids, wait) =>
  decide(gallery, ids.map((decision) => ({ kind: "undo", decision })), wait);

/** The mask in force as a bitmap, and its version. */
export async function storedMask(item) {
  const response = await call(item.mask_url, { cache: "no-cache" });
  const version = (response.headers.get("ETag") ?? "").replace(/^W\/|"/g, "");
  return { bitmap: await createImageBitmap(await response.blob()), version };
}

export const imageOf = async (item) => createImageBitmap(await bytes(item.image_url));

/** A draft by marks, as a bitmap. */
export async function refined(gallery, image, marks, signal) {
  const answer = await post(at(`v1/images/${image}/mask:refine`, { gallery }), marks, signal);
  const data = Uint8Array.from(atob(answer.png.split(",")[1]), (one) => one.charCodeAt(0));
  return { bitmap: await createImageBitmap(new Blob([data], { type: "image/png" })), sequence: answer.sequence };
}

/** Keep a drawn mask in place of the one of this version. */
export const saveMask = (gallery, image, png, version) =>
  json(at(`v1/images/${image}/mask`, { gallery }), {
    method: "PUT",
    headers: { "Content-Type": "image/png", "If-Match": `"${version}"` },
    body: png,
  });
