// Two hits side by side, with the photo between them and what differs marked.

import { html, useEffect, useRef } from "./vendor/htm-preact-standalone-3.1.1.module.js";
import { at } from "./api.js";
import { CatalogueImage, Contours } from "./hits.js";
import { percent, score, words } from "./words.js";

const LARGE = 512; // pixels of the longer side

const optional = (value) => ((value ?? null) === null ? words.none : percent(value));

/** (name, one's value, the other's) of all that can be compared. */
function rowsOf([one, other]) {
  const both = (name, value) => [name, value(one), value(other)];
  const attributes = [...new Set([one, other].flatMap((hit) => Object.keys(hit.attributes ?? {})))];
  const rows = [
    both(words.same, (hit) => optional(hit.probability)),
    both(words.score, (hit) => score(hit.score)),
    ...["look", "shape", "print"].map((part) => both(words[part], (hit) => optional(hit.parts?.[part]))),
    both(words.category, (hit) => hit.category),
    ...attributes.map((name) => both(name, (hit) => hit.attributes?.[name] ?? words.none)),
  ];
  return rows.filter(([, mine, theirs]) => mine !== words.none || theirs !== words.none);
}

export function CompareBar({ compared, open, clear }) {
  if (!compared.length) return null;
  return html`<div class="comparing panel">
    <p>${words.chosen(compared.length)}: ${compared.map((hit) => hit.product).join(", ")}</p>
    <div class="row">
      <button type="button" class="strong" id="side-by-side" disabled=${compared.length < 2} onClick=${open}>${words.sideBySide}</button>
      <button type="button" onClick=${clear}>${words.clear}</button>
    </div>
  </div>`;
}

export function Compare({ compared, answer, close }) {
  const dialog = useRef(null);
  useEffect(() => dialog.current.showModal(), []);
  const beside = (event) => event.target === dialog.current && dialog.current.close();
  return html`<dialog ref=${dialog} class="compare" aria-labelledby="compare-title" onClose=${close} onClick=${beside}>
    <div class="inside">
      <div class="heading">
        <h2 id="compare-title">${words.sideBySide}</h2>
        <button type="button" onClick=${() => dialog.current.close()}>${words.close}</button>
      </div>
      <div class="pair">
        ${compared.map((hit) => html`<figure key=${hit.id}>
          <div class="image">
            <${CatalogueImage} path=${at(hit.thumbnail_url, { side: LARGE })} name=${words.imageOf(hit.product)} />
            <${Contours} hit=${hit} mask=${answer.mask} />
          </div>
        </figure>`)}
      </div>
      <p class="legend"><span class="key query">${words.photo}</span><span class="key hit">${words.hitKey}</span></p>
      <table>
        <thead><tr><td></td>${compared.map((hit) => html`<th scope="col"><bdi>${hit.product}</bdi></th>`)}</tr></thead>
        <tbody>${rowsOf(compared).map(([name, one, other]) => html`<tr key=${name} class=${one === other ? "" : "differs"}>
          <th scope="row"><bdi>${name}</bdi></th><td><bdi>${one}</bdi></td><td><bdi>${other}</bdi></td></tr>`)}</tbody>
      </table>
    </div>
  </dialog>`;
}
