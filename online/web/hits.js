// The hits: one card a product, with its score, its parts, and on hover or focus what matched.

import { html, useEffect, useState } from "./vendor/htm-preact-standalone-3.1.1.module.js";
import { imageAddress } from "./api.js";
import { laidOn, PATH_SIDE } from "./overlay.js";
import { placesOn, RADIUS } from "./places.js";
import { verdict } from "./ranking.js";
import { percent, score, words } from "./words.js";

/** An image of the catalogue in a square that is there before the image is. */
export function CatalogueImage({ path, name, onSize }) {
  const [address, setAddress] = useState("");
  useEffect(() => {
    let current = true;
    imageAddress(path).then((found) => current && setAddress(found), () => current && setAddress(null));
    return () => (current = false);
  }, [path]);
  if (address === null) return html`<p class="absent">${words.cannotShow}</p>`;
  if (!address) return null; // the square stays empty until then
  return html`<img src=${address} alt=${name} loading="lazy" decoding="async" onError=${() => setAddress(null)}
    onLoad=${(event) => onSize?.([event.target.naturalWidth, event.target.naturalHeight])} />`;
}

export function Bars({ parts }) {
  const bars = ["look", "shape", "print"].filter((part) => (parts?.[part] ?? null) !== null);
  return html`<ul class="bars">
    ${bars.map((part) => html`<li key=${part}>
      <span>${words[part]}</span><span class="value">${percent(parts[part])}</span>
      <span class="track" aria-hidden="true"><span style=${{ width: `${100 * Math.min(parts[part], 1)}%` }}></span></span>
    </li>`)}
  </ul>`;
}

/** The photo's contour (line) and the hit's (dashes) on the square of the hit's image. */
export function Contours({ hit, mask }) {
  const photo = laidOn(mask?.aligned, hit);
  if (!hit.contour && !photo) return null;
  return html`<svg class="contours" viewBox=${`0 0 ${PATH_SIDE} ${PATH_SIDE}`} aria-hidden="true">
    <path class="edge" d=${`${photo ?? ""}${hit.contour ?? ""}`} />
    ${photo && html`<path class="query" d=${photo} />`}
    ${hit.contour && html`<path class="hit" d=${hit.contour} />`}
  </svg>`;
}

function Places({ hit, size }) {
  const places = size ? placesOn(hit, size) : [];
  return places.length > 0 && html`<svg class="places" viewBox="0 0 1 1" aria-hidden="true">
    ${places.map(({ number, x, y, colour }) => html`<g key=${number}>
      <circle cx=${x} cy=${y} r=${RADIUS} style=${{ fill: colour }} />
      <text x=${x} y=${y} dy=".36em">${number}</text></g>`)}
  </svg>`;
}

function Judge({ hit, judged, act }) {
  const button = (same, text) => html`<button type="button" aria-pressed=${String(judged === same)}
    onClick=${() => act.judge(hit, same)}>${text}</button>`;
  return html`<div class="judge" role="group" aria-label=${words.judgeOf(hit.product)}>
    <span class="quiet">${words.judge}</span>${button(true, words.yes)}${button(false, words.no)}
  </div>`;
}

function Card({ hit, mask, threshold, chosen, judged, act }) {
  const [size, setSize] = useState(null);
  const below = threshold !== null && (hit.probability ?? null) !== null && hit.probability <= threshold;
  const title = `hit-${hit.id}`;
  const point = (there) => () => act.point(there ? hit : null);
  return html`<li class=${`card${below ? " below" : ""}`}>
    <article aria-labelledby=${title} onPointerEnter=${point(true)} onPointerLeave=${point(false)}
      onfocusin=${point(true)} onfocusout=${point(false)}>
      <div class="image">
        <${CatalogueImage} path=${hit.thumbnail_url} name=${words.imageOf(hit.product)} onSize=${setSize} />
        <${Contours} hit=${hit} mask=${mask} />
        <${Places} hit=${hit} size=${size} />
      </div>
      <div class="words">
        <h3 id=${title} tabindex="-1"><bdi>${hit.product}</bdi></h3>
        <p class="quiet"><bdi>${hit.category}</bdi> · ${words.views(hit.views)}</p>
        <dl class="numbers">
          ${(hit.probability ?? null) !== null && html`<div><dt>${words.same}</dt><dd class="probability">${percent(hit.probability)}</dd></div>`}
          <div><dt>${words.score}</dt><dd>${score(hit.score)}</dd></div>
        </dl>
        ${below && html`<p class="badge">${words.below}</p>`}
        <${Bars} parts=${hit.parts} />
        ${hit.match && html`<p class="quiet">${words.places(hit.match.places)}</p>`}
      </div>
      <div class="actions">
        <button type="button" aria-pressed=${String(chosen)} aria-label=${words.compareOf(hit.product)}
          onClick=${() => act.choose(hit)}>${words.compare}</button>
        <button type="button" aria-label=${words.searchThisOf(hit.product)}
          onClick=${() => act.searchFrom(hit)}>${words.searchThis}</button>
        <${Judge} hit=${hit} judged=${judged} act=${act} />
      </div>
      <details class="more"><summary>${words.why}</summary>
        ${hit.why && html`<p class="quiet"><bdi>${hit.why}</bdi></p>`}
        <dl class="attributes">
          ${Object.entries(hit.attributes ?? {}).map(([name, value]) => html`<div key=${name}><dt><bdi>${name}</bdi></dt><dd><bdi>${value}</bdi></dd></div>`)}
        </dl>
      </details>
    </article>
  </li>`;
}

const VERDICTS = { absent: words.noMatch, unsure: words.perhaps, guesses: words.guesses };

// Flags of a mask that may cut out something other than the product.
const DOUBTS = ["empty", "shadow", "nearly_everything", "several_objects"];

/** What is to be told of an answer as a whole; ``drawBox`` begins a box on the photo. */
export function Verdict({ answer, threshold, drawBox }) {
  const told = verdict(answer, threshold);
  const notes = answer.notes ?? [];
  const limit = threshold ?? answer.threshold;
  const known = (answer.hits[0]?.probability ?? null) !== null && (limit ?? null) !== null;
  const doubted = answer.photo && answer.mask?.used && DOUBTS.some((flag) => answer.mask.flags.includes(flag));
  if (!VERDICTS[told] && !doubted) return notes.map((note) => html`<p class="concern"><bdi>${note}</bdi></p>`);
  return html`<div class="panel verdict" id="verdict" data-verdict=${told}>
    ${VERDICTS[told] && html`<p><strong>${VERDICTS[told]}</strong></p>`}
    ${VERDICTS[told] && known && html`<p>${words.nearest(answer.hits[0].probability, limit)}</p>`}
    ${notes.map((note) => html`<p class="note"><bdi>${note}</bdi></p>`)}
    ${doubted && !notes.length && html`<p class="note">${words.care(DOUBTS.filter((flag) => answer.mask.flags.includes(flag)).map((flag) => words.flags[flag]))}</p>`}
    ${doubted && html`<button type="button" id="draw-box" onClick=${drawBox}>${words.drawBox}</button>`}
  </div>`;
}

export function Hits({ answer, hits, threshold, chosen, judged, contours, act }) {
  if (!hits.length && answer.notes?.length) return null; // a note tells why
  if (!hits.length) return html`<div class="panel"><p>${words.noHitsHelp}</p></div>`;
  return html`<ol class=${`hits${contours ? " contoured" : ""}`} id="hits">
    ${hits.map((hit) => html`<${Card} key=${hit.product} hit=${hit} mask=${answer.mask}
      threshold=${threshold ?? answer.threshold} chosen=${chosen.some((one) => one.id === hit.id)}
      judged=${judged[hit.product]} act=${act} />`)}
  </ol>`;
}
