// The state that a link carries in the fragment of the address: all but the photo.

const list = (text) => (text ? text.split(",").map(decodeURIComponent) : []);

const numberOr = (text, low, high) => {
  const value = text === null || text === "" ? NaN : Number(text);
  return value >= low && value <= high ? value : null;
};

function boxOf(text) {
  const box = (text ?? "").split(",").map(Number);
  const sound = box.length === 4 && box.every((value) => Number.isInteger(value) && value >= 0);
  return sound && box[0] < box[2] && box[1] < box[3] ? box : null;
}

function whereOf(text) {
  try {
    const clauses = JSON.parse(text ?? "[]");
    return Array.isArray(clauses) ? clauses.filter((one) => Array.isArray(one) && one.length && one.every(isCondition)) : [];
  } catch {
    return [];
  }
}

function isCondition(one) {
  const { attribute, equals, in: values, at_least: least, at_most: most, ...more } = one ?? {};
  if (typeof attribute !== "string" || Object.keys(more).length) return false;
  const bounds = [least, most].filter((bound) => bound !== undefined);
  const kinds = [equals, values, bounds.length ? bounds : undefined].filter((kind) => kind !== undefined);
  const isText = (value) => typeof value === "string";
  return kinds.length === 1 && [equals ?? ""].every(isText) && bounds.every(Number.isFinite)
    && (values === undefined || (Array.isArray(values) && values.length > 0 && values.every(isText)));
}

/** The settings of a fragment; what is not understood is left out. */
export function read(fragment) {
  const found = new URLSearchParams(fragment.replace(/^#/, ""));
  return {
    image: numberOr(found.get("image"), 0, Number.MAX_SAFE_INTEGER),
    product: found.get("product") ?? "", // as what the image is named
    box: boxOf(found.get("box")),
    gallery: found.get("gallery") ?? "",
    chosen: list(found.get("categories")),
    filters: whereOf(found.get("where")),
    shape: numberOr(found.get("shape"), 0, 100),
    threshold: numberOr(found.get("threshold"), 0, 1),
    useMask: found.get("mask") !== "0",
  };
}

/** The fragment of a state, without the mark; "" for that at the start. */
export function write({ photo, box, gallery, chosen, filters, shape, threshold, useMask }) {
  const parts = {
    image: photo?.id,
    product: photo?.product,
    box: box?.join(","),
    gallery,
    categories: chosen.map(encodeURIComponent).join(","),
    where: filters.length ? JSON.stringify(filters) : "",
    shape,
    threshold,
    mask: useMask ? "" : "0",
  };
  const given = Object.entries(parts).filter(([, value]) => value !== null && value !== undefined && value !== "");
  return String(new URLSearchParams(given));
}
