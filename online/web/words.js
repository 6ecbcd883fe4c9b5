// All that the page shows in words, in one place, and how it writes numbers.

const language = document.documentElement.lang || "en";
const number = (digits) =>
  new Intl.NumberFormat(language, { minimumFractionDigits: digits, maximumFractionDigits: digits });
const [units, tenths, thousandths] = [0, 1, 3].map(number);

export const count = (value) => units.format(value);
export const score = (value) => thousandths.format(value);
export const time = (when) =>
  new Intl.DateTimeFormat(language, { hour: "2-digit", minute: "2-digit" }).format(when);

export const moment = (iso) =>
  new Intl.DateTimeFormat(language, { dateStyle: "medium", timeStyle: "medium" }).format(new Date(iso));

/** Tiny fractions are not rounded to nothing, nor large ones to certainty. */
export function percent(fraction) {
  if (fraction > 0 && fraction < 0.001) return "<\u00a00.1\u00a0%"; // no line ends within a number
  if (fraction > 0.999 && fraction < 1) return ">\u00a099.9\u00a0%";
  return `${tenths.format(fraction * 100)}\u00a0%`;
}

const span = (least, most) =>
  least === undefined ? `up to ${most}` : most === undefined ? `${least} or more` : `${least} to ${most}`;

export const words = {
  photo: "Photo",
  choose: "Choose a photo",
  camera: "Take a photo",
  another: "Another photo",
  dropHere: "Drop a photo here, paste one, or choose a file",
  dropNow: "Drop the photo",
  formats: "JPEG, PNG, WebP, HEIC and others",
  notThere: "The file of this image has moved. The search uses what was stored of it.",
  notShown: "This browser cannot show this file, but it can be searched with.",
  shrunk: (from, to) => `Sent at ${count(to)} megapixels in place of ${count(from)}.`,
  canvas: (box) =>
    box ? `Photo with crop box from ${box[0]}, ${box[1]} to ${box[2]}, ${box[3]}` : "Photo",
  crop: "Crop",
  wholePhoto: "Use the whole photo",
  cropHelp:
    "Drag the handles. Keys: arrows move the box, Shift resizes it, Ctrl goes by one pixel, Esc ends.",
  edges: ["Left", "Top", "Right", "Bottom"],
  useMask: "Ignore the background",
  maskOff: "The whole photo is compared, with its background.",
  maskTrust: (trust) => `Reliability of the mask: ${percent(trust)}`,
  maskWorking: "Finding the product …",
  flags: {
    empty: "no product was found in it",
    touches_border: "the product touches the border",
    several_objects: "it shows several objects",
    nearly_everything: "the mask covers nearly the whole image",
    untrusted: "the mask is not reliable, so the shape is not compared",
    shadow: "the mask looks like a shadow",
  },
  care: (flags) => `Take care with this photo: ${flags.join("; ")}.`,
  search: "Search",
  searching: "Searching …",
  gallery: "Catalogue",

  categories: "Categories to search",
  automatic: "Automatic",
  moreCategories: (n) => `${count(n)} more`,
  fewerCategories: "Fewer",
  unsure: "The category is not clear, so all were searched.",
  unknown: "The photo looks like none of the known categories.",

  filters: "Filters",
  addFilter: "Add a filter",
  filterAdded: (text) => `Filter added: ${text}.`,
  filterRemoved: (text) => `Filter removed: ${text}.`,
  removeFilter: (text) => `Remove the filter ${text}`,
  conditionOf: ({ attribute, equals, in: values, at_least: least, at_most: most }) =>
    `${attribute}: ${equals ?? values?.join(` ${words.or} `) ?? span(least, most)}`,
  and: "and",
  or: "or",
  addOr: "or …",
  orInPlaceOf: (text) => `or, in place of ${text}`,
  attribute: "Attribute",
  condition: "Condition",
  equals: "is",
  range: "is a number between",
  value: "Value",
  from: "From",
  to: "To",
  rangeHelp: "The number that a value begins with: 50 of 50 ml. One of the two is enough.",
  add: "Add the filter",
  addAlternative: "Add the alternative",

  order: "What counts in the order",
  look: "Look",
  shape: "Shape",
  print: "Print",
  asRanked: "Best match first",
  balance: (shape) => `${count(100 - shape)}\u00a0% look, ${count(shape)}\u00a0% shape`,
  noShape: "Shapes were not compared in this search.",
  threshold: "Limit for “same product”",
  notCalibrated: "This catalogue is not calibrated: hits have no probability.",
  calibratedAt: (value) => `Recommended for this catalogue: ${percent(value)}`,
  resetThreshold: "Back to the recommended limit",
  contours: "Show contours on all hits",

  copyLink: "Copy link",
  copied: "Link copied.",
  copiedWithoutPhoto: "Link copied. The photo is not part of it, only the settings.",
  linkHere: "Link",
  saveAs: "Save as",
  csv: "CSV",
  csvSemicolon: "CSV with ;",
  html: "HTML",

  hits: (n) => (n === 1 ? "1 hit" : `${count(n)} hits`),
  noHits: "No hits",
  noHitsHelp: "No product of the catalogue passes these categories and filters.",
  moreHits: "More hits",
  noMatch: "Probably not in this catalogue.",
  perhaps: "Perhaps not in this catalogue.",
  guesses: "The hits below are only guesses.",
  nearest: (probability, threshold) =>
    `The hits below are only the nearest: the first is the same product with a probability of ` +
    `${percent(probability)}, and the limit is ${percent(threshold)}.`,
  drawBox: "Draw a box around the product",
  same: "Same product",
  score: "Score",
  below: "under the limit",
  views: (n) => (n === 1 ? "1 image" : `best of ${count(n)} images`),
  places: (n) => (n === 1 ? "1 matching place" : `${count(n)} matching places`),
  hitKey: "Hit",
  imageOf: (product) => `Catalogue image of ${product}`,
  cannotShow: "This image cannot be shown.",
  compare: "Compare",
  searchThis: "Find similar",
  searchThisOf: (product) => `Find similar: ${product}`,
  compareOf: (product) => `Compare ${product}`,
  why: "Details",
  judge: "Is it the same product?",
  judgeOf: (product) => `Is it the same product as ${product}?`,
  judged: "Answer saved.",
  yes: "Yes",
  no: "No",
  announced: (hits, first) => `${hits}. First: ${first}.`,
  nothingYet: "Find a package by its photo",
  steps: [
    "Choose a photo, drop it here or paste it.",
    "Look at what stays bright: it is compared. Crop the photo where it shows more than the product.",
    "Search. Each hit is one product.",
  ],

  chosen: (n) => `${count(n)} of 2 chosen to compare`,
  sideBySide: "Side by side",
  clear: "Clear",
  close: "Close",
  category: "Category",
  none: "–",

  history: "Earlier searches",
  again: (name, when) => `${name}, ${when}`,
  fromCatalogue: (id) => `Catalogue image ${id}`,
  howFound: "How it was found",
  milliseconds: (ms) => `${tenths.format(ms)}\u00a0ms`,
  asOf: (when) => `State of the catalogue: ${when}`,
  fingerprint: "Version of the models",

  keyNeeded: "This service needs a key",
  keyRefused: "This key is not accepted.",
  keyLabel: "API key",
  keyHelp: "Ask the person who runs this service for one. It is kept in this tab until it is closed.",
  keySave: "Use this key",
  problem: "That did not work",
  unreachable: "The service cannot be reached.",
  request: (id) => `Request ${id}`,
  tryAgain: "Try again",

  reviewParts: "What is reviewed",
  review: { masks: "Masks", categories: "Categories", duplicates: "Duplicates" },
  loading: "Loading",
  decision: "Decision",
  repair: "Repair",
  undo: "Undo",
  curatorKey: "Review needs a key of the scope curate",
  queueDone: "All masks are reviewed.",
  position: (n, total) => `${count(n)} of ${count(total)}`,
  beyond: (n) => `Image ${count(n)}: its mask is not in doubt`,
  nearAnother: "It looks most like an image of another product",
  nearestImage: "The image that looks most like it",
  mask: "Mask",
  maskCanvas: "Image with its mask: strokes add to it or erase",
  stored: "The stored mask: what is bright is compared.",
  emptyMask: "There is no product in the mask: draw one, or exclude the image.",
  draft: "Changed, not saved yet.",
  cutting: "Finding the edge",
  accepted: "Mask accepted.",
  excluded: "Image excluded.",
  saved: "Mask saved.",
  savedAs: ({ described, flags }) =>
    !described
      ? "The image is described by it later."
      : flags.length
        ? `Still: ${flags.map((flag) => words.flags[flag] ?? flag).join("; ")}.`
        : "The image is described by it.",
  accept: "Accept",
  save: "Save mask",
  exclude: "Exclude image",
  back: "Back",
  skip: "Skip",
  box: "Box",
  brush: "Brush",
  polygon: "Polygon",
  remove: "Erase",
  closePolygon: "Close the polygon",
  size: "Size",
  undoStep: "Undo stroke",
  redoStep: "Redo",
  refine: "Find the edge again",
  maskFile: "Mask from a PNG file",
  keyNames: { Enter: "Enter", ArrowLeft: "←", ArrowRight: "→", Shift: "Shift", Space: "Space", "Control+Z": "Ctrl Z", "Control+Shift+Z": "Ctrl ⇧ Z" },
  help: "How it works",
  maskHelp: [
    "What is bright is the mask: the part of the image that searches compare.",
    "Drag over what belongs to the product; with Alt or the right button, over what does not.",
    "A stroke is a hint: the edge is found by itself. The brush (Shift) paints exactly where it goes.",
    "The wheel and [ ] change the size. B draws a box, P a polygon, Enter closes it.",
    "By keys alone: B and the arrows for a box, or a mask from a file.",
    "Two fingers move and zoom; with a mouse, Ctrl and the wheel.",
  ],
  noPredictions: "All predicted categories are reviewed.",
  acceptRest: (n, name) => `Accept ${count(n)} as ${name}`,
  acceptedMany: (n) => (n === 1 ? "1 category decided." : `${count(n)} categories decided.`),
  categoryHelp: (name) => `Click every image that is not of the category ${name}, then press 1 to 9 for its own. Enter accepts all others.`,
  notThis: "another category",
  whichCategory: "Which category is it?",
  labelledNeighbours: "Labelled images that look most like it",
  pairsDone: "All pairs are reviewed.",
  pair: (n) => `Pair ${count(n)}`,
  looking: (n, images) => `Looking for more: ${count(n)} of ${count(images)} images`,
  sameFile: "The same file is listed under two products.",
  alike: (value) => `Two images that are nearly the same (similarity ${value}).`,
  sameProduct: "Same product",
  different: "Different products",
  keepLeft: "Same image: keep the left one",
  keepRight: "Same image: keep the right one",
  onlyLeft: "Only the left product",
  onlyRight: "Only the right product",
  blink: "Hold to overlay",
  verdicts: {
    "same product": "Decided: the same product.",
    "different products": "Decided: different products.",
    "same image": "Decided: one of the two images is kept.",
  },
};
