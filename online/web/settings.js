// What a search is bounded by: categories as chips, and filters on attributes.

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

export function Filters({ filters, attributes, change, set }) {
  if (!attributes.length) return null;
  const replaced = (at, patch) => filters.map((row, index) => (index === at ? { ...row, ...patch } : row));
  const add = () => set({ filters: [...filters, { attribute: attributes[0], condition: "equals", value: "" }] });
  // A row is searched with once its value is whole: at each letter would be a search too many.
  return html`<details class="filters" open=${filters.length > 0}><summary>${words.filters}</summary>
    ${filters.map((row, at) => html`<div class="filter" role="group" aria-label=${words.filters} key=${at}>
      <select aria-label=${words.attribute} value=${row.attribute} onChange=${(event) => change({ filters: replaced(at, { attribute: event.target.value }) })}>
        ${attributes.map((name) => html`<option value=${name} selected=${name === row.attribute}>${name}</option>`)}
      </select>
      <select aria-label=${words.condition} value=${row.condition} onChange=${(event) => change({ filters: replaced(at, { condition: event.target.value }) })}>
        ${Object.entries(words.conditions).map(([name, shown]) => html`<option value=${name} selected=${name === row.condition}>${shown}</option>`)}
      </select>
      <input aria-label=${words.value} value=${row.value} inputmode=${row.condition.startsWith("at_") ? "decimal" : "text"}
        placeholder=${row.condition === "in" ? words.listed : ""}
        onInput=${(event) => set({ filters: replaced(at, { value: event.target.value }) })} onChange=${() => change({})} />
      <button type="button" class="icon" aria-label=${words.removeFilter} onClick=${() => change({ filters: filters.filter((_, index) => index !== at) })}>×</button>
    </div>`)}
    <button type="button" id="add-filter" onClick=${add}>${words.addFilter}</button>
  </details>`;
}
