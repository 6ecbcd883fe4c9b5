"""The losses of metric learning by loops over pairs, as slowly and plainly as their equations."""

import itertools

import numpy as np


def contrastive(vectors: np.ndarray, labels: list[int], margin: float) -> float:
    matching, short = [], []
    for i, j in itertools.combinations(range(len(labels)), 2):
        d = float(np.linalg.norm(vectors[i] - vectors[j]))
        if labels[i] == labels[j]:
            matching.append(0.5 * d**2)
        elif d < margin:
            short.append(0.5 * (margin - d) ** 2)
    return _mean(matching) + _mean(short)


def triplet(vectors: np.ndarray, labels: list[int], margin: float) -> float:
    active = []
    for a, p, n in itertools.permutations(range(len(labels)), 3):
        if labels[a] == labels[p] != labels[n]:
            near = float(((vectors[a] - vectors[p]) ** 2).sum())
            far = float(((vectors[a] - vectors[n]) ** 2).sum())
            active.append(max(0.0, near - far + margin))
    return _mean([value for value in active if value > 0])


def triplet_hard(vectors: np.ndarray, labels: list[int], margin: float) -> float:
    values = []
    for a in range(len(labels)):
        d = [float(np.linalg.norm(vectors[a] - other)) for other in vectors]
        same = [d[i] for i in range(len(labels)) if i != a and labels[i] == labels[a]]
        others = [d[i] for i in range(len(labels)) if labels[i] != labels[a]]
        if same and others:
            values.append(max(0.0, max(same) - min(others) + margin))
    return _mean(values)


def multi_similarity(
    vectors: np.ndarray, labels: list[int], margin: float, alpha=2.0, beta=50.0, base=0.5
) -> float:
    total = 0.0
    for a in range(len(labels)):
        s = [float(vectors[a] @ other) for other in vectors]
        same = [s[i] for i in range(len(labels)) if i != a and labels[i] == labels[a]]
        others = [s[i] for i in range(len(labels)) if labels[i] != labels[a]]
        pull = [v for v in same if others and v < max(others) + margin]
        push = [v for v in others if same and v > min(same) - margin]
        total += np.log(1 + sum(np.exp(-alpha * (v - base)) for v in pull)) / alpha
        total += np.log(1 + sum(np.exp(beta * (v - base)) for v in push)) / beta
    return float(total / len(labels))


def arcface(
    vectors: np.ndarray, labels: list[int], centres: np.ndarray, margin: float, scale: float
) -> float:
    losses = []
    for vector, label in zip(vectors, labels, strict=True):
        cosines = centres @ vector
        angle = np.arccos(cosines[label])
        if angle + margin <= np.pi:
            cosines[label] = np.cos(angle + margin)
        else:
            cosines[label] -= margin * np.sin(margin)
        exponents = np.exp(scale * cosines)
        losses.append(-np.log(exponents[label] / exponents.sum()))
    return _mean(losses)


def _mean(values: list[float]) -> float:
    return float(np.mean(values)) if values else 0.0
