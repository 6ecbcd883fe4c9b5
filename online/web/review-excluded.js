// What is excluded, and its way back.

import { html, useEffect, useRef, useState } from "./vendor/htm-preact-standalone-3.1.1.module.js";
import { CatalogueImage } from "./hits.js";
import * as api from "./review-api.js";
import { isTyped, useKeys } from "./review-keys.js";
import { moment, words } from "./words.js";

const PAGE = 40;

export function Excluded({ gallery, act }) {
  const [images, setImages] = useState(null);
  const [after, setAfter] = useState("");
  const list = useRef(null);
  const load = async (behind) => {
    const page = await api.excluded(gallery, behind, PAGE);
    setImages((before) => [...(behind ? before : []), ...page.images]);
    setAfter(page.after);
  };
  const begin = () => load("").catch(act.failed);
  useEffect(() => void begin(), [gallery]);
  const include = (one, at) => {
    setImages(images.filter((other) => other !== one));
    act.decided(api.decide(gallery, [{ kind: "include", image: one.id }]), words.included, begin, { wait: 1 });
    // The button that had the focus is gone.
    setTimeout(() => [...(list.current?.querySelectorAll("button") ?? [])].at(Math.min(at, images.length - 2))?.focus());
  };
  const latest = useRef(null);
  latest.current = (event) => (!isTyped(event) && event.key === "u" ? act.undo : undefined);
  useKeys(latest);

  if (images === null) return html`<p class="quiet slow">${words.loading}</p>`;
  if (!images.length && !after) return html`<div class="panel start"><h2>${words.noneExcluded}</h2></div>`;
  return html`<div class="categorising">
    <p class="quiet">${words.excludedHelp}</p>
    <ul class="tiles" ref=${list} id="excluded">${images.map((one, at) => html`<li key=${one.id} class="tile">
      <span class="image"><${CatalogueImage} path=${one.thumbnail_url} name=${one.product} /></span>
      <span class="told"><bdi>${one.product}</bdi></span>
      <span class="told quiet">${words.excludedBy(moment(one.time), one.who)}</span>
      <button type="button" aria-label=${words.bringBackOf(one.product)} onClick=${() => include(one, at)}>${words.bringBack}</button>
    </li>`)}</ul>
    ${after && html`<button type="button" id="more-excluded" onClick=${() => load(after).catch(act.failed)}>${words.moreImages}</button>`}
  </div>`;
}
