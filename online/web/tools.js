// What is done with an answer: its order, its threshold, its link and its files.

import { html, useState } from "./vendor/htm-preact-standalone-3.1.1.module.js";
import { comparesShape } from "./ranking.js";
import { byImage } from "./request.js";
import { percent, words } from "./words.js";

function Balance({ state, session }) {
  const { answer, shape } = state;
  const possible = comparesShape(answer);
  return html`<div class="tool">
    <label for="balance">${words.order}</label>
    <div class="scale">
      <span aria-hidden="true">${words.look}</span>
      <input id="balance" type="range" min="0" max="100" step="1" value=${shape ?? 50} disabled=${!possible}
        aria-valuetext=${shape === null ? words.asRanked : words.balance(shape)}
        onInput=${(event) => session.set({ shape: event.target.valueAsNumber })}
        onChange=${() => session.balanced()} />
      <span aria-hidden="true">${words.shape}</span>
    </div>
    <p class="quiet">${possible ? (shape === null ? words.asRanked : words.balance(shape)) : words.noShape}
      ${shape !== null && html` <button type="button" class="text" id="as-ranked" onClick=${() => session.set({ shape: null })}>${words.asRanked}</button>`}
    </p>
  </div>`;
}

function Threshold({ state, session }) {
  const { answer, threshold } = state;
  const value = threshold ?? answer.threshold;
  return html`<div class="tool">
    <label for="threshold">${words.threshold}</label>
    <div class="scale">
      <input id="threshold" type="range" min="0" max="1" step="0.01" value=${value ?? 0.5} disabled=${!answer.calibrated}
        aria-valuetext=${value === null ? words.notCalibrated : percent(value)}
        onInput=${(event) => session.set({ threshold: event.target.valueAsNumber })} />
      <output for="threshold">${value === null ? words.none : percent(value)}</output>
    </div>
    <p class="quiet">${!answer.calibrated ? words.notCalibrated : threshold === null ? words.calibratedAt(value) : html`<button
      type="button" class="text" id="calibrated" onClick=${() => session.set({ threshold: null })}>${words.resetThreshold}</button>`}</p>
  </div>`;
}

function Share({ state, session, contours, setContours }) {
  const [told, setTold] = useState("");
  const [address, setAddress] = useState("");
  const copy = async () => {
    session.writeLink("replaceState");
    try {
      await navigator.clipboard.writeText(location.href);
      setTold(state.photo.id === undefined ? words.copiedWithoutPhoto : words.copied);
    } catch {
      setAddress(location.href); // not on https or localhost: the address to copy by hand
    }
  };
  return html`<div class="tool share">
    <div class="row">
      <label class="check"><input type="checkbox" id="contours" checked=${contours}
        onChange=${(event) => setContours(event.target.checked)} /> ${words.contours}</label>
      <button type="button" id="copy-link" onClick=${copy}>${words.copyLink}</button>
      <div class="row" role="group" aria-label=${words.saveAs}><span class="quiet" aria-hidden="true">${words.saveAs}</span>
      <button type="button" id="csv" onClick=${() => session.download("csv")}>${words.csv}</button>
      <button type="button" id="csv-semicolon" onClick=${() => session.download("csv", ";")}>${words.csvSemicolon}</button>
      <button type="button" id="html" disabled=${byImage(state)} onClick=${() => session.download("html")}>${words.html}</button></div>
    </div>
    <p class="quiet" role="status">${told}</p>
    ${address && html`<label>${words.linkHere} <input readonly value=${address} onFocus=${(event) => event.target.select()} /></label>`}
  </div>`;
}

export function Tools({ state, session, contours, setContours }) {
  return html`<div class="panel tools">
    <${Balance} state=${state} session=${session} />
    <${Threshold} state=${state} session=${session} />
    <${Share} state=${state} session=${session} contours=${contours} setContours=${setContours} />
  </div>`;
}
