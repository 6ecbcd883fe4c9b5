// The second tab: review of masks, categories and duplicates, and what is excluded.

import { html, render, useEffect, useState } from "./vendor/htm-preact-standalone-3.1.1.module.js";
import { galleries, key } from "./api.js";
import * as api from "./review-api.js";
import { Categories } from "./review-categories.js";
import { Duplicates } from "./review-duplicates.js";
import { Excluded } from "./review-excluded.js";
import { Masks } from "./review-masks.js";
import { words } from "./words.js";

const UNDO_SECONDS = 10; // fingers are fast
const PARTS = { masks: Masks, categories: Categories, duplicates: Duplicates, excluded: Excluded };

/** Fill the tab's element; called once, when the tab is first shown. Returns what empties it. */
export function mount(element) {
  element.replaceChildren();
  render(html`<${Review} />`, element);
  return () => element.replaceChildren();
}

function Review() {
  const [held, setHeld] = useState(null);
  const [gallery, setGallery] = useState("");
  const [part, setPart] = useState("masks");
  const [last, setLast] = useState(null); // decisions that can be undone
  const [problem, setProblem] = useState(null);
  const [round, setRound] = useState(0);
  const open = () => galleries().then((found) => (setHeld(found), setProblem(null)), setProblem);
  useEffect(() => void open(), []);
  const act = {
    failed: setProblem,
    /** ``ids`` are promised: the next is looked at meanwhile. ``back``: where an undo leads, ``wait``
     * once the gallery is as before; ``answered``: more to tell, later; ``refused``: in place of
     * telling an error and leading back. */
    decided: (ids, told, back, { answered = null, wait = 0, refused = null } = {}) => {
      const made = { ids, told, back, wait, part, answer: "" };
      setProblem(null);
      setLast(made);
      setTimeout(() => setLast((now) => (now === made ? null : now)), UNDO_SECONDS * 1000);
      answered?.then((answer) => (made.answer = answer, setLast((now) => (now === made ? { ...made } : now))), () => {});
      ids.catch((error) => {
        setLast((now) => (now === made ? null : now));
        if (refused) return refused(error);
        setProblem(error);
        back();
      });
    },
    undo: async () => {
      if (!last) return;
      setLast(null);
      const elsewhere = last.part !== part; // what is shown may hold what was decided: it is loaded anew
      try {
        await api.undo(gallery, await last.ids, elsewhere ? 1 : last.wait);
        if (elsewhere) setRound((before) => before + 1);
        else await last.back();
      } catch (error) {
        setProblem(error);
      }
    },
  };
  const Part = PARTS[part];
  return html`<div class="review">
    <div class="row heading">
      <div class="row parts" role="group" aria-label=${words.reviewParts}>
        ${Object.keys(PARTS).map((name) => html`<button type="button" id=${`review-${name}`} aria-pressed=${String(name === part)}
          onClick=${() => setPart(name)}>${words.review[name]}</button>`)}
      </div>
      ${held?.length > 1 && html`<label class="gallery">${words.gallery} <select value=${gallery}
        onChange=${(event) => setGallery(event.target.value)}>
        ${held.map(({ name }, at) => html`<option value=${at ? name : ""}>${name}</option>`)}</select></label>`}
    </div>
    ${problem && html`<${Refused} problem=${problem} again=${open} />`}
    ${held && html`<${Part} key=${`${part} ${gallery} ${round}`} gallery=${gallery} act=${act} />`}
    <div class="undo" role="status" aria-live="polite">${last && html`<div class="panel row">
      <span>${last.told} ${last.answer}</span>
      <button type="button" id="undo-decision" aria-keyshortcuts="U" onClick=${act.undo}>${words.undo} <kbd>U</kbd></button></div>`}</div>
  </div>`;
}

function Refused({ problem, again }) {
  const locked = problem.status === 401 || problem.status === 403;
  const submit = (event) => {
    event.preventDefault();
    key.set(event.target.elements.key.value.trim());
    again();
  };
  return html`<div class="panel verdict" role="alert" id="review-problem">
    <p><strong>${locked ? words.curatorKey : words.problem}</strong></p>
    <p>${problem.title === "unreachable" ? words.unreachable : problem.message}</p>
    ${problem.remedy && html`<p>${problem.remedy}</p>`}
    ${locked && html`<form class="row" onSubmit=${submit}><label>${words.keyLabel} <input name="key" type="password" required autocomplete="off" /></label>
      <button class="strong">${words.keySave}</button></form>`}
  </div>`;
}
