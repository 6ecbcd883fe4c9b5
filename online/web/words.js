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

export const words = {
  photo: "Photo",
  choose: "Choose a photo",
  camera: "Take a photo",
  another: "Another photo",
  dropHere: "Drop a photo here, paste one, or choose a file",
  dropNow: "Drop the photo",
  formats: "JPEG, PNG, WebP, HEIC and others",
  notThere: "The file of this image has moved; it is searched by what is stored of it.",
  notShown: "This browser cannot show this file; the service may still read it.",
  shrunk: (from, to) => `Sent at ${count(to)} megapixels in place of ${count(from)}.`,
  canvas: (box) =>
    box ? `Photo with crop box from ${box[0]}, ${box[1]} to ${box[2]}, ${box[3]}` : "Photo",
  crop: "Crop",
  wholePhoto: "Whole photo",
  cropHelp:
    "Drag the handles. Keys: arrows move the box, Shift resizes it, Ctrl goes by one pixel, Esc ends.",
  edges: ["Left", "Top", "Right", "Bottom"],
  useMask: "Cut out the product",
  maskOff: "The whole photo is described.",
  maskTrust: (trust) => `Trust in the mask: ${percent(trust)}`,
  maskWorking: "Cutting out …",
  flags: {
    empty: "no product was found in it",
    touches_border: "the product touches the border",
    several_objects: "it shows several objects",
    nearly_everything: "the mask covers nearly the whole image",
    untrusted: "the mask is not trusted, its contour is not used",
    shadow: "the mask looks like a shadow",
  },
  care: (flags) => `Take care with this photo: ${flags.join("; ")}.`,
  search: "Search",
  searching: "Searching …",
  gallery: "Catalogue",

  categories: "Search in",
  automatic: "Automatic",
  moreCategories: (n) => `${count(n)} more`,
  fewerCategories: "Fewer",
  unsure: "Unsure of the category: all were searched.",
  unknown: "The photo looks like none of the known categories.",

  filters: "Filters",
  addFilter: "Add a filter",
  removeFilter: "Remove filter",
  attribute: "Attribute",
  condition: "Condition",
  value: "Value",
  conditions: { equals: "is", in: "is one of", at_least: "is at least", at_most: "is at most" },
  listed: "red, blue",

  order: "Order by",
  look: "Look",
  shape: "Shape",
  print: "Print",
  asRanked: "As ranked",
  balance: (shape) => `${count(100 - shape)}\u00a0% look, ${count(shape)}\u00a0% shape`,
  noShape: "Shapes were not compared in this search.",
  threshold: "A match from",
  notCalibrated: "Without calibration: hits have no probability.",
  calibratedAt: (value) => `Calibrated: ${percent(value)}`,
  resetThreshold: "Calibrated value",
  contours: "Show contours",

  copyLink: "Copy link",
  copied: "Link copied.",
  copiedWithoutPhoto: "Link copied. The photo is not part of it, only the settings.",
  linkHere: "Link",
  csv: "CSV",
  csvSemicolon: "CSV with ;",
  html: "HTML",

  hits: (n) => (n === 1 ? "1 hit" : `${count(n)} hits`),
  noHits: "No hits",
  noHitsHelp: "No product of the catalogue passes these categories and filters.",
  moreHits: "More hits",
  noMatch: "Probably not in this catalogue.",
  perhaps: "Perhaps not in this catalogue.",
  guesses: "No product was found in the photo.",
  nearest: (probability, threshold) =>
    `The hits below are the nearest there is: the first is the same product with a probability of ` +
    `${percent(probability)}, and a match needs more than ${percent(threshold)}.`,
  resembles: "The hits below resemble the photo as a whole.",
  same: "Same product",
  score: "Score",
  below: "below the match",
  views: (n) => (n === 1 ? "1 view" : `best of ${count(n)} views`),
  places: (n) => (n === 1 ? "1 matching place" : `${count(n)} matching places`),
  hitKey: "Hit",
  imageOf: (product) => `Catalogue image of ${product}`,
  cannotShow: "This image cannot be shown.",
  compare: "Compare",
  searchThis: "Search from this",
  searchThisOf: (product) => `Search from this: ${product}`,
  compareOf: (product) => `Compare ${product}`,
  why: "Details",
  judge: "The same product?",
  judgeOf: (product) => `Is it the same product: ${product}?`,
  judged: "Kept.",
  yes: "Yes",
  no: "No",
  announced: (hits, first) => `${hits}. First: ${first}.`,
  nothingYet: "Find a package by its photo",
  steps: [
    "Choose a photo, drop it here or paste it.",
    "Look at the cutout; crop the photo where it shows more than the product.",
    "Search. Each hit is one product.",
  ],

  chosen: (n) => `${count(n)} of 2 chosen`,
  sideBySide: "Side by side",
  clear: "Clear",
  close: "Close",
  category: "Category",
  none: "–",

  history: "This session",
  again: (name, when) => `${name}, ${when}`,
  fromCatalogue: (id) => `Catalogue image ${id}`,
  howFound: "How it was found",
  milliseconds: (ms) => `${tenths.format(ms)}\u00a0ms`,
  asOf: (when) => `Answered as of ${when}`,
  fingerprint: "Fingerprint",

  keyNeeded: "This service needs a key",
  keyRefused: "This key is not accepted.",
  keyLabel: "API key",
  keyHelp: "Kept in this tab until it is closed.",
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
  curatorKey: "Review needs a key that curates",
  queueDone: "No mask is left to look at.",
  position: (n, total) => `${count(n)} of ${count(total)}`,
  beyond: (n) => `${count(n)}, beyond the masks in doubt`,
  nearAnother: "Its nearest image is of another product",
  nearestImage: "The nearest image",
  mask: "Mask",
  maskCanvas: "Image with its mask; strokes keep or remove",
  stored: "Stored mask",
  emptyMask: "There is no product in the mask: draw one, or exclude the image.",
  draft: "Draft, not saved",
  cutting: "Cutting out",
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
  save: "Save",
  exclude: "Exclude",
  back: "Back",
  skip: "Skip",
  box: "Box",
  brush: "Brush",
  polygon: "Polygon",
  remove: "Remove",
  closePolygon: "Close the polygon",
  size: "Size",
  undoStep: "Undo stroke",
  redoStep: "Redo",
  refine: "Cut anew",
  maskFile: "Mask from a file",
  keyNames: { Enter: "Enter", ArrowLeft: "←", ArrowRight: "→", Shift: "Shift", Space: "Space", "Control+Z": "Ctrl Z", "Control+Shift+Z": "Ctrl ⇧ Z" },
  help: "How it works",
  maskHelp: [
    "Drag over what belongs to the product; with Alt or the right button, over what does not.",
    "A stroke is a hint: the edge is found by itself. The brush (Shift) paints the mask as it is.",
    "The wheel and [ ] change the size. B draws a box, P a polygon, Enter closes it.",
    "By keys alone: B and the arrows for a box, or a mask from a file.",
    "Two fingers move and zoom; with a mouse, Ctrl and the wheel.",
  ],
  noPredictions: "No predicted category is left to look at.",
  acceptRest: (n) => `Accept ${count(n)}`,
  acceptedMany: (n) => (n === 1 ? "1 category decided." : `${count(n)} categories decided.`),
  categoryHelp: "Click what is of another category, then press 1 to 9 for the one it is of; Enter accepts the rest.",
  notThis: "another category",
  whichCategory: "Which category is it?",
  labelledNeighbours: "Its nearest labelled images",
  pairsDone: "No pair is left to look at.",
  pair: (n) => `Pair ${count(n)}`,
  looking: (n, images) => `Looking for more: ${count(n)} of ${count(images)} images`,
  sameFile: "One file, two products",
  alike: (value) => `Nearly the same: cosine ${value}`,
  sameProduct: "Same product",
  different: "Different",
  keepLeft: "Same image, keep the first",
  keepRight: "Same image, keep the second",
  onlyLeft: "It shows the first alone",
  onlyRight: "It shows the second alone",
  blink: "Hold to compare",
  verdicts: {
    "same product": "Decided: the same product.",
    "different products": "Decided: different products.",
    "same image": "Decided: one of the two is kept.",
  },
};
