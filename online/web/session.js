// What the page knows and does: photo, settings, answer. It draws nothing.

import * as api from "./api.js";
import * as link from "./link.js";
import { photoOf, photoOfCatalogue } from "./photo.js";
import { reordered, weightsOf } from "./ranking.js";
import { HITS, photoFor, requestOf, requestOfFile } from "./request.js";
import { words } from "./words.js";

const CANDIDATES = 48; // that the slider orders, of which the first are shown
const KEPT = 20; // searches of this session, with their photos in memory
const SETTLE = 250; // milliseconds from the last move of a box to its mask, and to the link

const START = {
  photo: null, box: null, matte: null, useMask: true, gallery: "",
  chosen: [], // categories; none: the service routes
  filters: [], // clauses that must all hold, each of conditions of which one must
  shape: null, // the slider, 0 to 100; null: as the service ranks
  threshold: null, // null: the calibrated one
  shown: HITS, // of the hits that are there
  answer: null, busy: false, masking: false, problem: null, compared: [], judged: {}, pointed: null,
  galleries: [], categories: [], attributes: [], searches: [], keyNeeded: false, keyRefused: false, announced: "",
};

export class Session {
  /** ``changed(state)`` is called after every change; ``found()`` after a search that a person
   * started, when its hits are drawn. */
  constructor(changed, found) {
    Object.assign(this, { state: START, changed, found, running: {}, again: null });
  }

  set(patch) {
    this.state = { ...this.state, ...patch };
    this.changed(this.state);
    // Browsers refuse an address that changes with every move of a hand.
    this.linking ??= setTimeout(() => this.writeLink("replaceState"), SETTLE);
  }

  /** What the gallery has, then what the link names. */
  async start() {
    await this.guarded(() => this.start(), async () => {
      const wanted = link.read(location.hash);
      const galleries = await api.galleries();
      const gallery = galleries.some(({ name }) => name === wanted.gallery) ? wanted.gallery : "";
      this.set({ galleries, ...(await this.held(gallery)) });
      await this.restore({ ...wanted, gallery });
    });
  }

  /** What a gallery can be searched by. */
  async held(gallery) {
    const [categories, attributes] = await Promise.all([api.categories(gallery), api.attributes(gallery)]);
    return { categories, attributes };
  }

  // Photos

  async take(file) {
    this.set({ problem: null });
    await this.begin(await photoOf(file));
    await this.look();
  }

  async searchFrom(hit) {
    await this.guarded(() => this.searchFrom(hit), async () => {
      const photo = await photoOfCatalogue(hit.id, this.state.gallery, hit.product);
      // A page of its own in the browser's history: Back leads to the search before it.
      this.begin(photo, "pushState");
      await this.lookAndSearch();
    });
  }

  async restore({ image, product, ...wanted }) {
    const known = new Set(this.state.categories.map(({ name }) => name));
    const settings = { ...wanted, chosen: wanted.chosen.filter((name) => known.has(name)) };
    if (image === null) return this.set(settings);
    return this.guarded(() => this.restore({ image, product, ...settings }), async () => {
      this.begin(await photoOfCatalogue(image, settings.gallery, product));
      this.set(settings);
      await this.lookAndSearch();
    });
  }

  /** Back, Forward, a link pasted into the address, and the way back from the other tab. */
  async returned() {
    this.forgetLink();
    const wanted = link.read(location.hash);
    if (wanted.image === null) this.writeLink("replaceState");
    else if (location.hash !== `#${link.write(this.state)}`) await this.restore(wanted);
  }

  begin(photo, how = "replaceState") {
    Object.values(this.running).forEach((running) => running.abort());
    const fresh = { photo, box: null, matte: null, answer: null, compared: [], pointed: null, problem: null };
    // What a link without a photo has set is for the first photo.
    const anew = this.state.photo ? { chosen: [], shape: null } : {};
    this.state = { ...this.state, ...fresh, ...anew, shown: HITS, busy: false, masking: false };
    this.writeLink(how);
    this.set({});
  }

  lookAndSearch() {
    this.look();
    return this.search();
  }

  // Settings. Those that need no new matte are searched with at once where there is an answer.

  crop(box, done) {
    this.set({ box });
    clearTimeout(this.settling);
    if (done) this.settling = setTimeout(() => this.look(), SETTLE);
  }

  change(settings) {
    this.set(settings);
    if (this.state.answer) this.search({ quiet: true });
  }

  async changeGallery(gallery) {
    this.set({ gallery, chosen: [], filters: [], answer: null, compared: [] });
    await this.guarded(() => this.changeGallery(gallery), async () =>
      this.set(await this.held(gallery)));
    if (this.state.photo) this.look();
  }

  // Requests

  /** The matte of the photo, and its likeliest categories. */
  async look() {
    const { photo, box, gallery } = this.state;
    if (!photo.file) return;
    const { signal } = this.only("look");
    this.set({ masking: true });
    const request = box ? { box } : {};
    const done = await this.guarded(() => this.look(), async () => {
      const matte = await api.mask(request, { photo: photo.file, gallery, signal });
      // The service knows the size of what the browser cannot decode, or has decoded smaller.
      const size = [matte.photo.width, matte.photo.height];
      this.set({ matte, masking: false, photo: { ...this.state.photo, size } });
    });
    if (done === false) this.set({ masking: false });
  }

  /** ``quiet``: the focus stays where it is; ``add``: so many of the hits that follow are added. */
  async search({ quiet = false, add = 0 } = {}) {
    const state = this.state;
    const { signal } = this.only("search");
    this.set({ busy: true, problem: null });
    const done = await this.guarded(() => this.search({ quiet, add }), async () => {
      const sent = { photo: photoFor(state), gallery: state.gallery, signal };
      const request = add
        ? { ...requestOf(state, add, state.answer.hits.length), generation: state.answer.generation }
        : requestOf(state);
      const answer = await api.query(request, sent).catch((error) => {
        if (!add || error.status !== 409) throw error;
        const all = state.answer.hits.length + add; // other models answer since: all hits anew
        add = 0;
        return api.query(requestOf(state, all), sent);
      });
      if (add) answer.hits = [...state.answer.hits, ...answer.hits];
      const compared = this.state.compared.filter((one) => answer.hits.some((hit) => hit.id === one.id));
      const judged = add ? this.state.judged : {};
      this.set({ answer, compared, judged, busy: false, announced: announcement(answer), pointed: null });
      this.keep(quiet || add > 0);
      if (!quiet && !add) this.found();
    });
    if (done === false) this.set({ busy: false });
  }

  /** More of the hits: those that are there, else those that follow. */
  more() {
    const shown = this.state.shown + HITS;
    const missing = shown - this.state.answer.hits.length;
    this.set({ shown });
    if (missing > 0 && this.state.answer.more) this.search({ quiet: true, add: missing });
  }

  /** The slider was let go: what it orders are more hits than those in sight. */
  balanced() {
    const missing = CANDIDATES - this.state.answer.hits.length;
    if (missing > 0 && this.state.answer.more) this.search({ quiet: true, add: missing });
  }

  /** A person's answer to whether the photo shows this product; kept where an adaptation learns. */
  async judge(hit, same) {
    const { answer, gallery } = this.state;
    const query = answer.photo ? { photo: answer.photo.sha256 } : { image: requestOf(this.state).image };
    const done = await this.guarded(() => this.judge(hit, same), () =>
      api.judge({ ...query, product: hit.product, same }, { gallery }));
    if (done) this.set({ judged: { ...this.state.judged, [hit.product]: same }, announced: words.judged });
  }

  async download(format, separator) {
    const { gallery } = this.state;
    const file = await this.guarded(() => this.download(format, separator), () =>
      api.file(requestOfFile(this.state), { photo: photoFor(this.state), gallery, format, separator }));
    if (file) save(file, `hits.${format}`);
  }

  /** An AbortController for a kind of request of which only the last counts. */
  only(kind) {
    this.running[kind]?.abort();
    this.running[kind] = new AbortController();
    return this.running[kind];
  }

  /** The result of some work; undefined where a later request took its place, false after a problem,
   * which is shown with a way to try again. */
  async guarded(again, work) {
    try {
      return await work();
    } catch (error) {
      if (error.name === "AbortError") return undefined;
      if (!(error instanceof api.Problem)) throw error;
      this.again = again;
      if (error.status === 401) this.set({ keyNeeded: true, keyRefused: api.key.get() !== "" });
      else this.set({ problem: error });
      return false;
    }
  }

  useKey(value) {
    api.key.set(value);
    this.set({ keyNeeded: false, keyRefused: false });
    if (!this.state.galleries.length) return this.start();
    return this.again?.();
  }

  tryAgain() {
    this.set({ problem: null });
    return this.again?.();
  }

  // Memory: the address, and the searches of this session.

  writeLink(how) {
    this.forgetLink();
    if (location.hash.startsWith("#review")) return;
    const fragment = link.write(this.state);
    if (`#${fragment}` === location.hash || (!fragment && !location.hash)) return;
    history[how](null, "", fragment ? `#${fragment}` : location.pathname + location.search);
  }

  forgetLink() {
    clearTimeout(this.linking);
    this.linking = null;
  }

  /** The state beside its answer; a changed setting replaces the search that it belongs to. */
  keep(same) {
    const { searches, ...state } = this.state;
    const earlier = same ? searches.filter((one) => one.state.photo.thumbnail !== state.photo.thumbnail) : searches;
    this.set({ searches: [{ state, when: new Date() }, ...earlier].slice(0, KEPT) });
  }

  recall({ state }) {
    Object.values(this.running).forEach((running) => running.abort());
    const { galleries, categories, attributes } = this.state;
    this.set({ ...state, galleries, categories, attributes, busy: false, masking: false, problem: null });
  }

  choose(hit) {
    const { compared } = this.state;
    const others = compared.filter((one) => one.id !== hit.id);
    this.set({ compared: others.length < compared.length ? others : [...compared.slice(-1), hit] });
  }
}

/** The hits in the order in which they are shown. */
export const shownHits = ({ answer, shape, shown }) => reordered(answer.hits, weightsOf(shape)).slice(0, shown);

export const moreThan = ({ answer, shown }) => answer.more || answer.hits.length > shown;

function announcement({ hits }) {
  return hits.length ? words.announced(words.hits(hits.length), hits[0].product) : words.noHits;
}

function save(blob, name) {
  const anchor = document.createElement("a");
  anchor.href = URL.createObjectURL(blob);
  anchor.download = name;
  anchor.click();
  setTimeout(() => URL.revokeObjectURL(anchor.href), 60_000);
}
