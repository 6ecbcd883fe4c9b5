// Pairs of images of two products that may be one: side by side, and one over the other.

import { html, useEffect, useRef, useState } from "./vendor/htm-preact-standalone-3.1.1.module.js";
import { CatalogueImage } from "./hits.js";
import * as api from "./review-api.js";
import { isTyped, useKeys } from "./review-keys.js";
import { score, words } from "./words.js";

const AHEAD = 3; // pairs that are known before they are looked at

export function Duplicates({ gallery, act }) {
  const [state, setState] = useState({ pairs: [], place: 0, after: "", looked: 0, images: 0 });
  const [over, setOver] = useState(false);
  const held = useRef(state);
  held.current = state;
  const loading = useRef(false);
  const set = (patch) => setState((held.current = { ...held.current, ...patch }));
  const fill = async () => {
    if (loading.current) return;
    loading.current = true;
    try {
      while (held.current.after !== null && held.current.pairs.length - held.current.place <= AHEAD) {
        const page = await api.duplicates(gallery, held.current.after);
        const pairs = [...held.current.pairs, ...page.pairs];
        set({ pairs, after: page.after, looked: page.looked_at, images: page.images });
      }
    } catch (error) {
      act.failed(error);
    } finally {
      loading.current = false;
    }
  };
  useEffect(() => void fill(), [gallery]);
  const go = (place) => {
    setOver(false);
    set({ place: Math.min(Math.max(place, 0), held.current.pairs.length) });
    return fill();
  };
  const pair = state.pairs[state.place];
  const decide = (verdict, kept) => {
    const { place } = held.current;
    const images = pair.images.map(({ id }) => id);
    const decision = { kind: "pair", images, verdict, ...(kept === undefined ? {} : { keep: images[kept] }) };
    act.decided(api.decide(gallery, [decision]), words.verdicts[verdict], () => go(place));
    go(place + 1);
  };
  const actions = {
    s: () => decide("same product"),
    d: () => pair.same_file || decide("different products"),
    k: () => decide("same image", 0),
    l: () => decide("same image", 1),
    ArrowRight: () => go(state.place + 1),
    ArrowLeft: () => go(state.place - 1),
  };
  const latest = useRef(null);
  latest.current = (event) => {
    if (isTyped(event) || event.ctrlKey || event.metaKey || event.altKey) return undefined;
    if (event.key === "u") return act.undo;
    if (event.key === " ") return event.target.closest?.("button, summary") ? undefined : () => setOver(true);
    return pair || event.key === "ArrowLeft" ? actions[event.key] : undefined;
  };
  useKeys(latest);
  useEffect(() => {
    const released = (event) => event.key === " " && setOver(false);
    addEventListener("keyup", released);
    return () => removeEventListener("keyup", released);
  }, []);

  const looking = state.after !== null && html`<p class="quiet slow" role="status">${words.looking(state.looked, state.images)}</p>`;
  if (!pair)
    return html`<div class="panel start"><h2>${state.after === null ? words.pairsDone : words.loading}</h2>${looking}
      <button type="button" disabled=${!state.place} onClick=${actions.ArrowLeft}>${words.back}</button></div>`;
  const button = (id, label, key, work, strong) => html`<button type="button" id=${id} class=${strong ? "strong" : ""}
    aria-keyshortcuts=${key} onClick=${work}>${label} <kbd>${words.keyNames[key] ?? key}</kbd></button>`;
  const blink = { onPointerDown: () => setOver(true), onPointerUp: () => setOver(false), onPointerLeave: () => setOver(false) };
  return html`<div class="duplicates">
    <div class="row heading"><h2 id="pair-place" aria-live="polite">${words.pair(state.place + 1)}</h2>
      <p class="quiet">${pair.same_file ? words.sameFile : words.alike(score(pair.cosine))}</p></div>
    <div class="pair">${pair.images.map((one, at) => html`<figure key=${one.id}>
      <div class="image"><${CatalogueImage} path=${one.image_url} name=${one.product} />
        ${at === 0 && over && html`<div class="blink" id="blink"><${CatalogueImage} path=${pair.images[1].image_url} name="" /></div>`}</div>
      <figcaption><bdi>${one.product}</bdi> <span class="quiet">${one.category}</span></figcaption></figure>`)}</div>
    <section class="panel row" aria-label=${words.decision}>
      ${button("same", words.sameProduct, "S", actions.s, true)}
      ${!pair.same_file && button("different", words.different, "D", actions.d)}
      ${button("keep-left", pair.same_file ? words.onlyLeft : words.keepLeft, "K", actions.k)}
      ${button("keep-right", pair.same_file ? words.onlyRight : words.keepRight, "L", actions.l)}
      <button type="button" id="hold" ...${blink}>${words.blink} <kbd>${words.keyNames.Space}</kbd></button>
      ${button("pair-back", words.back, "ArrowLeft", actions.ArrowLeft)}
      ${button("pair-skip", words.skip, "ArrowRight", actions.ArrowRight)}
    </section>
    ${looking}
  </div>`;
}
