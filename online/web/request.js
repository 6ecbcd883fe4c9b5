// A state of the page as the request object of /v1/query.

import { weightsOf } from "./ranking.js";

export const HITS = 12; // full rows of two, three and four cards

/** Whether a catalogue image is searched by its id, by what is stored of it; cut out otherwise than
 * it was, it is a photo like any other. */
export const byImage = ({ photo, box, useMask }) => photo?.id !== undefined && ((!box && useMask) || !photo.file);

/** The request object of a state, as /v1/query takes it. */
export function requestOf(state, k = HITS, offset = 0) {
  const { photo, box, useMask, chosen, filters } = state;
  const request = { k, offset };
  if (byImage(state)) request.image = photo.id;
  else {
    request.mask = useMask;
    if (box) request.box = box;
  }
  if (chosen.length) request.categories = chosen;
  if (filters.length) request.where = filters;
  return request;
}

/** For a file: there the service orders and judges, on the page the browser does. */
export function requestOfFile(state) {
  const request = requestOf(state, Math.max(state.shown, HITS));
  if (state.shape !== null) request.weights = weightsOf(state.shape);
  if (state.threshold !== null) request.threshold = state.threshold;
  return request;
}

/** The photo to send; null where a request has the id of an image. */
export const photoFor = (state) => (byImage(state) ? null : state.photo.file);
