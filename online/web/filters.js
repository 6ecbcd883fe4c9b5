// Filters on attributes: clauses that must all hold, each of conditions of which one must, in the
// form in which the service takes them.

import { html, useRef, useState } from "./vendor/htm-preact-standalone-3.1.1.module.js";
import { words } from "./words.js";

export function Filters({ filters, attributes, change }) {
  const [joined, setJoined] = useState(null); // the clause that gets an alternative; null: a new one
  const [open, setOpen] = useState(false);
  const section = useRef(null);
  if (!attributes.length) return null;
  // What had the focus is gone: the next best place has it, once that is drawn.
  const focus = (selector) => setTimeout(() => section.current.querySelector(selector)?.focus());
  const remove = (at, place) => {
    const clauses = filters.map((clause, other) => (other === at ? clause.filter((_, one) => one !== place) : clause));
    setJoined(null);
    change(clauses.filter((clause) => clause.length), words.filterRemoved(words.conditionOf(filters[at][place])));
    focus(".clauses .chip, summary");
  };
  const add = (condition) => {
    const clauses = joined === null
      ? [...filters, [condition]]
      : filters.map((clause, at) => (at === joined ? [...clause, condition] : clause));
    setJoined(null);
    change(clauses, words.filterAdded(words.conditionOf(condition)));
  };
  const join = (at) => {
    setJoined(at);
    setOpen(true);
    focus("form input");
  };
  return html`<section class="filters" ref=${section} aria-labelledby="filters-title">
    <h3 id="filters-title">${words.filters}</h3>
    ${filters.length > 0 && html`<ul class="clauses">${filters.map((clause, at) => html`<li class="row" key=${at}>
      ${at > 0 && html`<span class="quiet">${words.and}</span>`}
      ${clause.map((condition, place) => html`${place > 0 && html`<span class="quiet">${words.or}</span>`}
        <button type="button" class="chip" aria-label=${words.removeFilter(words.conditionOf(condition))}
          onClick=${() => remove(at, place)}><bdi>${words.conditionOf(condition)}</bdi> <span aria-hidden="true">×</span></button>`)}
      <button type="button" class="chip plain" aria-label=${words.orInPlaceOf(words.conditionOf(clause.at(-1)))}
        aria-pressed=${String(joined === at)} onClick=${() => join(at)}>${words.addOr}</button>
    </li>`)}</ul>`}
    <details open=${open} onToggle=${(event) => setOpen(event.target.open)}>
      <summary id="add-filter">${words.addFilter}</summary>
      <${NewCondition} attributes=${attributes} clause=${filters[joined] ?? null} add=${add} leave=${() => setJoined(null)} />
    </details>
  </section>`;
}

/** The form of one condition. ``clause``: that to which it is an alternative. */
function NewCondition({ attributes, clause, add, leave }) {
  const [chosen, setChosen] = useState(attributes[0].name);
  const [ranged, setRanged] = useState(false);
  const [lowest, setLowest] = useState("");
  const form = useRef(null);
  const attribute = attributes.find(({ name }) => name === chosen) ?? attributes[0]; // of another catalogue
  const submit = (event) => {
    event.preventDefault();
    const { value, from, to } = form.current.elements;
    const number = (name, field) => (field.value === "" ? {} : { [name]: field.valueAsNumber });
    add({ attribute: attribute.name, ...(ranged ? { ...number("at_least", from), ...number("at_most", to) } : { equals: value.value.trim() }) });
    [value, from, to].forEach((field) => field && (field.value = ""));
    setLowest("");
    (value ?? from).focus();
  };
  const escaped = (event) => event.key === "Escape" && leave();
  return html`<form ref=${form} class="filter" onSubmit=${submit} onKeyDown=${escaped}
    aria-label=${clause ? words.orInPlaceOf(words.conditionOf(clause.at(-1))) : words.addFilter}>
    <p class="quiet" aria-live="polite">${clause && words.orInPlaceOf(words.conditionOf(clause.at(-1)))}</p>
    <label>${words.attribute} <select id="filter-attribute" value=${attribute.name} onChange=${(event) => setChosen(event.target.value)}>
      ${attributes.map(({ name }) => html`<option value=${name} selected=${name === attribute.name}>${name}</option>`)}</select></label>
    <label>${words.condition} <select id="filter-condition" onChange=${(event) => setRanged(event.target.value === "range")}>
      <option value="equals">${words.equals}</option><option value="range">${words.range}</option></select></label>
    ${ranged
      ? html`<label>${words.from} <input key="from" name="from" type="number" step="any" aria-describedby="range-help"
            required=${!form.current?.elements.to?.value} onInput=${(event) => setLowest(event.target.value)} /></label>
          <label>${words.to} <input key="to" name="to" type="number" step="any" min=${lowest} aria-describedby="range-help"
            onInput=${(event) => (form.current.elements.from.required = !event.target.value)} /></label>
          <p class="quiet" id="range-help">${words.rangeHelp}</p>`
      : html`<label class="whole">${words.value} <input key="value" name="value" list="filter-values" required autocomplete="off" /></label>
          <datalist id="filter-values">${attribute.values.map(({ value }) => html`<option value=${value} />`)}</datalist>`}
    <button class="whole">${clause ? words.addAlternative : words.add}</button>
  </form>`;
}
