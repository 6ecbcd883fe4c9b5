// The service as functions. All addresses are relative: the page may lie under a sub-path.

const KEY = "packsight-key"; // for this tab alone: it ends with the session
const TRIES = 3;
const BUSY = [429, 503]; // too many requests of one client, or of all
const LONGEST_WAIT = 5; // seconds

/** What the service answers in place of a result (application/problem+json). */
export class Problem extends Error {
  constructor({ status = 0, title = "", detail = "", remedy = "", request_id: request = "" }) {
    super(detail || title);
    Object.assign(this, { status, title, detail, remedy, request });
  }
}

export const key = {
  get: () => sessionStorage.getItem(KEY) ?? "",
  set: (value) => (value ? sessionStorage.setItem(KEY, value) : sessionStorage.removeItem(KEY)),
};

/** The response to a request that succeeded. A busy service is tried again after the time that it
 * names. Raises Problem; AbortError where ``signal`` ended it. */
export async function call(path, options = {}) {
  for (let tries = 1; ; tries += 1) {
    const response = await send(path, options);
    if (response.ok) return response;
    const wait = Number(response.headers.get("Retry-After") ?? "1");
    if (!BUSY.includes(response.status) || tries === TRIES || !(wait <= LONGEST_WAIT))
      throw await problemOf(response);
    await pause(wait * 1000, options.signal);
  }
}

async function send(path, { headers = {}, ...options }) {
  const authorised = key.get() ? { ...headers, Authorization: `Bearer ${key.get()}` } : headers;
  try {
    return await fetch(path, { ...options, headers: authorised });
  } catch (error) {
    if (error.name === "AbortError") throw error;
    throw new Problem({ title: "unreachable" });
  }
}

async function problemOf(response) {
  const text = await response.text();
  try {
    return new Problem({ ...JSON.parse(text), status: response.status });
  } catch {
    // A proxy answers in its own words.
    return new Problem({ status: response.status, title: response.statusText });
  }
}

function pause(milliseconds, signal) {
  return new Promise((resolve, reject) => {
    setTimeout(resolve, milliseconds);
    signal?.addEventListener("abort", () => reject(new DOMException("ended", "AbortError")));
  });
}

/** An address with those parameters that have a value. */
export function at(path, parameters) {
  const given = Object.entries(parameters).filter(([, value]) => value);
  const mark = path.includes("?") ? "&" : "?";
  return given.length ? `${path}${mark}${new URLSearchParams(given)}` : path;
}

/** POST of a request object, with the photo beside it where there is one. */
function post(path, request, photo, signal) {
  if (!photo) {
    const headers = { "Content-Type": "application/json" };
    return call(path, { method: "POST", headers, body: JSON.stringify(request), signal });
  }
  const body = new FormData();
  body.append("photo", photo, photo.name ?? "photo");
  body.append("request", JSON.stringify(request));
  return call(path, { method: "POST", body, signal });
}

export const bytes = async (path) => (await call(path)).blob();

const json = async (response) => (await response).json();

export const galleries = async () => (await json(call("v1/galleries"))).galleries;

export const categories = async (gallery) =>
  (await json(call(at("v1/categories", { gallery })))).categories;

/** Attributes with their most frequent values. */
export const attributes = async (gallery) =>
  (await json(call(at("v1/attributes", { gallery })))).attributes;

export const mask = (request, { photo, gallery, signal }) =>
  json(post(at("v1/mask", { gallery }), request, photo, signal));

export const query = (request, { photo, gallery, signal }) =>
  json(post(at("v1/query", { gallery }), request, photo, signal));

/** Whether a photo (its SHA-256), or a catalogue image (its id), shows a product. */
export const judge = (judgement, { gallery }) => post(at("v1/judgements", { gallery }), judgement);

/** An answer as a file: "csv" or "html". */
export const file = async (request, { photo, gallery, format, separator }) =>
  (await post(at("v1/query", { gallery, format, separator }), request, photo)).blob();

// An image element sends no key, so with a key images are fetched and kept as blobs. The first are
// let go when there are many: a session may see thousands.
const KEPT = 400;
const blobs = new Map();

/** An address that an image element can load. */
export async function imageAddress(path) {
  if (!key.get()) return path;
  if (!blobs.has(path)) {
    const loaded = call(path).then(async (response) => URL.createObjectURL(await response.blob()));
    loaded.catch(() => blobs.delete(path));
    blobs.set(path, loaded);
    if (blobs.size > KEPT) forget(blobs.keys().next().value);
  }
  return blobs.get(path);
}

function forget(path) {
  blobs.get(path).then(URL.revokeObjectURL, () => {});
  blobs.delete(path);
}
