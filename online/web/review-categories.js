// Predicted categories: what is wrong is clicked, the rest is accepted with one key.

import { html, useEffect, useRef, useState } from "./vendor/htm-preact-standalone-3.1.1.module.js";
import { CatalogueImage } from "./hits.js";
import * as api from "./review-api.js";
import { isTyped, useKeys } from "./review-keys.js";
import { count, percent, words } from "./words.js";

const SHOWN = 20; // images at a time: one key for as many

export function Categories({ gallery, act }) {
  const [names, setNames] = useState(null);
  const [predicted, setPredicted] = useState(true); // any category, decided or not
  const [name, setName] = useState("");
  const [page, setPage] = useState(null);
  const [wrong, setWrong] = useState(new Map()); // id -> the category it is of, "" if not known
  const [chosen, setChosen] = useState(null); // the image whose chips are shown
  const [help, setHelp] = useState(null);

  const listed = async () => {
    const { categories, predicted: any } = await api.predicted(gallery);
    setPredicted(any);
    setNames(categories);
    return categories;
  };
  const open = async (category) => {
    setName(category);
    setChosen(null);
    setPage(category ? await api.predicted(gallery, category, SHOWN) : null);
  };
  const begin = async (wanted) => {
    const categories = await listed();
    const found = categories.find((one) => one.name === wanted) ?? categories[0];
    await open(found?.name ?? "");
  };
  useEffect(() => void begin("").catch(act.failed), [gallery]);
  useEffect(() => {
    let current = true;
    setHelp(null);
    if (chosen !== null) api.neighbours(gallery, chosen).then((found) => current && setHelp(found), act.failed);
    return () => (current = false);
  }, [chosen]);

  const toggle = (id) => {
    const marked = new Map(wrong);
    if (marked.has(id)) marked.delete(id);
    else marked.set(id, "");
    setWrong(marked);
    setChosen(marked.has(id) ? id : null);
  };
  const give = (category) => {
    if (!category || chosen === null) return;
    setWrong(new Map(wrong).set(chosen, category));
    setChosen(null);
  };
  const accept = () => {
    const decisions = page.images
      .map(({ id }) => ({ kind: "category", image: id, category: wrong.has(id) ? wrong.get(id) : name }))
      .filter(({ category }) => category);
    if (!decisions.length) return;
    const ids = api.decide(gallery, decisions);
    const before = wrong;
    setPage(null); // a second press must not decide the same again
    setWrong(new Map());
    setChosen(null);
    const back = async () => {
      await begin(name);
      setWrong(before);
    };
    act.decided(ids, words.acceptedMany(decisions.length), () => back().catch(act.failed), { wait: 1 });
    ids.then(() => begin(name)).catch(() => {}); // what failed is brought back
  };
  const latest = useRef(null);
  latest.current = (event) => {
    if (isTyped(event) || event.ctrlKey || event.metaKey || event.altKey) return undefined;
    const { key } = event;
    if (key === "u") return act.undo;
    if (!page) return undefined;
    if (key === "Enter") return event.target.closest?.("button:not(.tile), a, summary") ? undefined : accept;
    if (/^[1-9]$/.test(key)) return () => give(help?.categories[Number(key) - 1]?.name);
    return key === "Escape" ? () => setChosen(null) : undefined;
  };
  useKeys(latest);

  if (names === null) return html`<p class="quiet slow">${words.loading}</p>`;
  if (!names.length) return html`<div class="panel start"><h2>${predicted ? words.predictionsDone : words.noPredictions}</h2></div>`;
  const images = page?.images ?? [];
  const decided = images.filter(({ id }) => wrong.get(id) !== "").length;
  return html`<div class="categorising">
    <div class="row heading">
      <label class="gallery">${words.category} <select id="predicted" value=${name} onChange=${(event) => open(event.target.value).catch(act.failed)}>
        ${names.map((one) => html`<option value=${one.name}>${one.name} (${count(one.images)})</option>`)}</select></label>
      <button type="button" class="strong" id="accept-rest" aria-keyshortcuts="Enter" disabled=${!decided} onClick=${accept}>
        ${words.acceptRest(decided, name)} <kbd>Enter</kbd></button>
    </div>
    <p class="quiet">${words.categoryHelp(name)}</p>
    <ul class="tiles">${images.map((one) => html`<li key=${one.id}>
      <button type="button" class=${`tile ${chosen === one.id ? "chosen" : ""}`} aria-pressed=${String(wrong.has(one.id))} onClick=${() => toggle(one.id)}>
        <span class="image"><${CatalogueImage} path=${one.thumbnail_url} name=${one.product} /></span>
        <span class="told"><bdi>${one.product}</bdi> ${wrong.has(one.id) && html`<strong>${wrong.get(one.id) || words.notThis}</strong>`}</span>
      </button></li>`)}</ul>
    ${chosen !== null && html`<${Chips} help=${help} give=${give} />`}
  </div>`;
}

function Chips({ help, give }) {
  return html`<section class="panel chips-of" aria-label=${words.whichCategory} aria-live="polite">
    <h3>${words.whichCategory}</h3>
    ${!help && html`<p class="quiet slow">${words.loading}</p>`}
    <div class="row">${help?.categories.map(({ name, probability }, at) => html`<button type="button" class="chip" key=${name}
      aria-keyshortcuts=${at + 1} onClick=${() => give(name)}><kbd>${at + 1}</kbd> ${name}
      ${probability >= 0.0005 && html`<span class="quiet">${percent(probability)}</span>`}</button>`)}</div>
    ${help?.neighbours.length > 0 && html`<h3>${words.labelledNeighbours}</h3>
      <ul class="tiles small">${help.neighbours.map((one) => html`<li key=${one.id}><span class="image"><${CatalogueImage} path=${one.thumbnail_url} name=${one.category} /></span>
        <span class="told">${one.category}</span></li>`)}</ul>`}
  </section>`;
}
