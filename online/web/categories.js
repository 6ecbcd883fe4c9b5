// The categories that are searched, as chips.

import { html, useState } from "./vendor/htm-preact-standalone-3.1.1.module.js";
import { percent, words } from "./words.js";

const SHOWN = 5; // chips in sight

/** The likeliest categories first, then those of the gallery. */
function chipsOf({ matte, answer, categories, chosen }) {
  const predicted = matte?.categories ?? answer?.route?.categories ?? [];
  const likely = new Map(predicted.map(({ name, probability }) => [name, probability]));
  const names = [...[...likely].sort((a, b) => b[1] - a[1]).map(([name]) => name), ...categories.map(({ name }) => name)];
  // What is chosen stays in sight.
  const first = [...chosen, ...names];
  return [...new Set(first)].map((name) => ({ name, probability: likely.get(name) ?? null }));
}

export function Categories({ state, change }) {
  const [all, setAll] = useState(false);
  const chips = chipsOf(state);
  const { chosen, answer } = state;
  const toggle = (name) =>
    change({ chosen: chosen.includes(name) ? chosen.filter((one) => one !== name) : [...chosen, name] });
  const hidden = chips.length - Math.max(SHOWN, chosen.length);
  return html`<div class="chips" role="group" aria-labelledby="categories-title">
    <h3 id="categories-title">${words.categories}</h3>
    <div class="row">
      <button type="button" class="chip" aria-pressed=${String(!chosen.length)} onClick=${() => change({ chosen: [] })}>
        ${words.automatic}</button>
      ${(all ? chips : chips.slice(0, Math.max(SHOWN, chosen.length))).map(({ name, probability }) => html`<button
        key=${name} type="button" class="chip category" aria-pressed=${String(chosen.includes(name))} onClick=${() => toggle(name)}>
        <bdi>${name}</bdi>${probability !== null && html` <span class="quiet">${percent(probability)}</span>`}</button>`)}
      ${hidden > 0 && html`<button type="button" class="chip plain" aria-expanded=${String(all)} onClick=${() => setAll(!all)}>
        ${all ? words.fewerCategories : words.moreCategories(hidden)}</button>`}
    </div>
    ${!chosen.length && answer?.route?.unknown && html`<p class="quiet">${words.unknown}</p>`}
    ${!chosen.length && answer?.route?.unsure && html`<p class="quiet">${words.unsure}</p>`}
  </div>`;
}
