// Orders and verdicts that the browser computes at once from an answer's hits.

const PARTS = ["look", "shape", "print"];

/** Sum of a hit's parts by their weights; a part that was not compared counts as 0. */
export const weighed = (hit, weights) =>
  PARTS.reduce((sum, part) => sum + (weights[part] ?? 0) * (hit.parts?.[part] ?? 0), 0);

/** Hits by descending sum of parts; those alike stay in the answer's order. */
export function reordered(hits, weights) {
  if (!weights) return hits;
  return [...hits].sort((one, other) => weighed(other, weights) - weighed(one, weights));
}

/** The slider's position, 0 (look) to 100 (shape), as weights. */
export const weightsOf = (shape) =>
  shape === null ? null : { look: 1 - shape / 100, shape: shape / 100, print: 0 };

export const comparesShape = (answer) => answer.hits.some((hit) => (hit.parts?.shape ?? null) !== null);

/** "match", "unsure", "absent" or "guesses"; null where nothing can be told. As the result page has
 * it, but by ``threshold`` where that is another than the answer's. */
export function verdict(answer, threshold) {
  const [first] = answer.hits;
  if (!first) return null;
  if (answer.guesses) return "guesses";
  if (threshold === null || threshold === answer.threshold)
    return answer.verdict === "unsure" ? "unsure" : answer.no_match ? "absent" : "match";
  if ((first.probability ?? 0) > threshold) return "match";
  const absentBelow = Math.min(answer.absent_below ?? threshold, threshold);
  return (first.probability ?? 0) <= absentBelow ? "absent" : "unsure";
}
