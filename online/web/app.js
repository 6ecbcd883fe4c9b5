// The page: its layout, its tabs, and what drops and pastes on it.

import { html, render, useEffect, useRef, useState } from "./vendor/htm-preact-standalone-3.1.1.module.js";
import { whole } from "./box.js";
import { Categories } from "./categories.js";
import { Compare, CompareBar } from "./compare.js";
import { Filters } from "./filters.js";
import { Hits, Verdict } from "./hits.js";
import { CropButton, CropFields, fileOf, inner, Inputs, PhotoPanel } from "./photo.js";
import { placesInPhoto } from "./places.js";
import { moreThan, Session, shownHits } from "./session.js";
import { Tools } from "./tools.js";
import { moment, time, words } from "./words.js";

function Key({ refused, use }) {
  const input = useRef(null);
  useEffect(() => input.current.focus(), [refused]);
  const submit = (event) => {
    event.preventDefault();
    use(input.current.value.trim());
  };
  return html`<form class="panel key-form" id="key-form" onSubmit=${submit}>
    <h2>${words.keyNeeded}</h2>
    ${refused && html`<p class="concern" role="alert">${words.keyRefused}</p>`}
    <label for="key">${words.keyLabel}</label>
    <div class="row">
      <input id="key" ref=${input} type="password" autocomplete="off" required aria-describedby="key-help" />
      <button class="strong">${words.keySave}</button>
    </div>
    <p class="quiet" id="key-help">${words.keyHelp}</p>
  </form>`;
}

function ProblemPanel({ problem, again }) {
  const panel = useRef(null);
  // On a phone it would be below what is seen.
  useEffect(() => panel.current.scrollIntoView({ block: "nearest" }), [problem]);
  return html`<div ref=${panel} class="panel verdict" role="alert" id="problem">
    <p><strong>${words.problem}</strong></p>
    <p>${problem.title === "unreachable" ? words.unreachable : problem.message}</p>
    ${problem.remedy && html`<p>${problem.remedy}</p>`}
    ${problem.request && html`<p class="uri">${words.request(problem.request)}</p>`}
    <button type="button" onClick=${again}>${words.tryAgain}</button>
  </div>`;
}

function MaskControls({ state, session }) {
  const { matte, useMask, masking } = state;
  const trust = matte?.mask.trust ?? null;
  const found = trust === null ? matte && words.maskShown : words.maskTrust(trust);
  const told = masking ? words.maskWorking : useMask ? found : words.maskOff;
  return html`<div class="mask">
    <label class="check"><input type="checkbox" id="use-mask" checked=${useMask}
      onChange=${(event) => session.change({ useMask: event.target.checked })} /> ${words.useMask}</label>
    <p class=${`quiet${masking ? " slow" : ""}`} aria-live="polite">${told}</p>
  </div>`;
}

function PhotoSide({ state, session }) {
  const { photo, box, matte, useMask, pointed, answer, busy } = state;
  const take = (file) => session.take(file);
  const settings = html`<${Categories} state=${state} change=${(patch) => session.change(patch)} />
    <${Filters} filters=${state.filters} attributes=${state.attributes}
      change=${(filters, announced) => session.change({ filters, announced })} />`;
  if (!photo)
    return html`<section key="empty" class="photo panel" aria-label=${words.photo}>
      <div class="board empty"><div>
        <p><strong>${words.dropHere}</strong></p>
        <p class="quiet">${words.formats}</p>
        <${Inputs} take=${take} />
      </div></div>
      ${(state.filters.length > 0 || state.chosen.length > 0) && settings}
    </section>`;
  const crop = (...made) => session.crop(...made);
  return html`<section key="photo" class="photo panel" aria-label=${words.photo}>
    <${PhotoPanel} photo=${photo} box=${box} matte=${matte} useMask=${useMask} crop=${crop}
      places=${placesInPhoto(pointed, answer && (answer.photo?.box ?? whole(photo.size ?? [1, 1])))} />
    <p class="uri"><bdi>${photo.name}</bdi></p>
    ${photo.note && html`<p class="quiet">${photo.note}</p>`}
    <${CropFields} photo=${photo} box=${box} crop=${crop} />
    <div class="row">
      <${CropButton} photo=${photo} box=${box} crop=${crop} />
      <${Inputs} take=${take} small />
    </div>
    <p class=${box ? "quiet help" : "hidden"} id="crop-help">${words.cropHelp}</p>
    <${MaskControls} state=${state} session=${session} />
    <button type="button" class="strong wide" id="search" onClick=${() => session.search()}>
      ${busy ? html`<span class="slow">${words.searching}</span>` : words.search}</button>
    ${settings}
  </section>`;
}

function HowFound({ answer }) {
  const stages = Object.entries(answer.timings_ms ?? {});
  return html`<details class="how"><summary>${words.howFound}</summary>
    ${answer.route?.why && html`<p class="quiet"><bdi>${answer.route.why}</bdi></p>`}
    <table><tbody>
      ${stages.map(([name, ms]) => html`<tr><th scope="row">${name}</th><td>${words.milliseconds(ms)}</td></tr>`)}
    </tbody></table>
    ${answer.as_of && html`<p class="quiet">${words.asOf(moment(answer.as_of))}</p>`}
    <p class="quiet">${words.fingerprint}: <code>${(answer.fingerprint ?? "").slice(0, 12)}</code></p>
  </details>`;
}

function AnswerSide({ state, session }) {
  const [contours, setContours] = useState(false);
  const { answer, busy, problem, keyNeeded, keyRefused } = state;
  const act = {
    point: (pointed) => session.set({ pointed }),
    choose: (hit) => session.choose(hit),
    searchFrom: (hit) => session.searchFrom(hit),
    judge: (hit, same) => session.judge(hit, same),
  };
  const drawBox = () => {
    if (!state.box) session.crop(inner(state.photo.size), true);
    const board = document.getElementById("board");
    board.focus({ preventScroll: true });
    board.scrollIntoView({ block: "center" }); // on a phone it is above what is seen
  };
  const hits = answer ? shownHits(state) : [];
  return html`<section class="answer" aria-label=${words.hits(hits.length)} aria-busy=${String(busy)}>
    ${keyNeeded && html`<${Key} refused=${keyRefused} use=${(value) => session.useKey(value)} />`}
    ${problem && html`<${ProblemPanel} problem=${problem} again=${() => session.tryAgain()} />`}
    ${!answer && !keyNeeded && html`<div class=${`panel start${state.photo ? " chosen" : ""}`}><h2>${words.nothingYet}</h2>
      <ol>${words.steps.map((step) => html`<li>${step}</li>`)}</ol></div>`}
    ${answer && html`<${Tools} state=${state} session=${session} contours=${contours} setContours=${setContours} />
      <${Verdict} answer=${answer} threshold=${state.threshold} drawBox=${drawBox} />
      <div class="heading"><h2>${hits.length ? words.hits(hits.length) : words.noHits}</h2>
        <p class="legend"><span class="key query">${words.photo}</span><span class="key hit">${words.hitKey}</span></p></div>
      <${Hits} answer=${answer} hits=${hits} threshold=${state.threshold} chosen=${state.compared}
        judged=${state.judged} contours=${contours} act=${act} />
      ${moreThan(state) && html`<button type="button" id="more" onClick=${() => session.more()}>${words.moreHits}</button>`}
      <${HowFound} answer=${answer} />`}
  </section>`;
}

function Searches({ searches, recall }) {
  if (!searches.length) return null;
  return html`<section class="searches" aria-label=${words.history}>
    <h2>${words.history}</h2>
    <ul>${searches.map((search) => html`<li key=${search.when}><button type="button" onClick=${() => recall(search)}
      aria-label=${words.again(search.state.photo.name, time(search.when))}>
      ${search.state.photo.thumbnail ? html`<img src=${search.state.photo.thumbnail} alt="" width="64" height="64" />` : search.state.photo.name}
    </button></li>`)}</ul>
  </section>`;
}

/** Which catalogue is searched; its line is there before its name is known. */
function Catalogue({ state: { galleries, gallery }, change }) {
  const chosen = galleries.find(({ name }) => name === gallery) ?? galleries[0];
  const choice = html`<label>${words.gallery} <select id="gallery" value=${gallery} onChange=${(event) => change(event.target.value)}>
    ${galleries.map(({ name }, at) => html`<option value=${at ? name : ""}>${name}</option>`)}</select></label>`;
  return html`<div class="gallery">
    ${galleries.length > 1 ? choice : chosen && html`<span>${words.gallery} <strong><bdi>${chosen.name}</bdi></strong></span>`}
    ${chosen && html`<span class="quiet">${words.holds(chosen.products, chosen.images)}</span>`}
  </div>`;
}

function SearchTab({ state, session, over }) {
  const [open, setOpen] = useState(false);
  const { compared, answer } = state;
  return html`<${Catalogue} state=${state} change=${(name) => session.changeGallery(name)} />
    <div class="columns">
      <div class="left">
        <${PhotoSide} state=${state} session=${session} />
        <${Searches} searches=${state.searches} recall=${(search) => session.recall(search)} />
      </div>
      <${AnswerSide} state=${state} session=${session} />
    </div>
    <${CompareBar} compared=${compared} open=${() => setOpen(true)} clear=${() => session.set({ compared: [] })} />
    ${open && compared.length === 2 && html`<${Compare} compared=${compared} answer=${answer}
      close=${() => setOpen(false)} />`}
    <p class="hidden" aria-live="polite" id="announced">${state.announced}</p>
    ${over && html`<div class="dropping">${words.dropNow}</div>`}`;
}

/** Focus on the first hit; the page scrolls only where hits lie below what is seen, as on phones. */
function showFirst(element) {
  const first = element.querySelector("#hits h3") ?? element.querySelector(".answer h2");
  first?.focus({ preventScroll: true });
  if (first?.getBoundingClientRect().bottom > innerHeight)
    element.querySelector(".answer").scrollIntoView({ block: "start" });
}

function startSearch(element) {
  let over = false;
  let planned = false;
  // Once for all changes of a moment, and never within a drawing: a card that is moved while it has
  // the focus loses it, and that is a change.
  const draw = () => {
    if (planned) return;
    planned = true;
    queueMicrotask(() => {
      planned = false;
      render(html`<${SearchTab} state=${session.state} session=${session} over=${over} />`, element);
    });
  };
  // After the frame in which the hits are drawn.
  const found = () => requestAnimationFrame(() => setTimeout(() => showFirst(element)));
  const session = new Session(draw, found);
  element.replaceChildren();
  draw();
  const setOver = (now) => {
    if (over === now) return;
    over = now;
    draw();
  };
  addEventListener("dragover", (event) => {
    event.preventDefault();
    setOver([...event.dataTransfer.types].includes("Files"));
  });
  addEventListener("dragleave", (event) => event.relatedTarget ?? setOver(false));
  addEventListener("drop", (event) => {
    event.preventDefault();
    setOver(false);
    const file = fileOf(event.dataTransfer);
    if (file) session.take(file);
  });
  addEventListener("paste", (event) => {
    const file = fileOf(event.clipboardData);
    if (file) session.take(file); // text goes where it is pasted
  });
  addEventListener("popstate", () => session.returned());
  session.start();
}

/** Two tabs as links: the address holds which is open. */
function startTabs() {
  const [search, review] = ["search", "review"].map((name) => document.getElementById(name + "-tab"));
  const tabs = document.querySelectorAll("nav a");
  let mounted = false;
  const show = async () => {
    const reviewing = location.hash.startsWith("#review");
    search.hidden = reviewing;
    review.hidden = !reviewing;
    tabs.forEach((tab, at) => tab.setAttribute("aria-current", (at === 1) === reviewing ? "page" : "false"));
    if (!reviewing || mounted) return;
    mounted = true; // loaded when it is first wanted
    (await import("./review.js")).mount(review);
  };
  addEventListener("hashchange", show);
  addEventListener("popstate", show);
  show();
}

startTabs();
startSearch(document.getElementById("search-tab"));
