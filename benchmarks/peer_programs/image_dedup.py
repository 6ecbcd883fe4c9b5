"""imagededup, in an environment that has it.

    image_dedup.py phash|lite0 CATALOGUE.json K

Its own network is fetched; that of ``lite0`` takes its place.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

import numpy as np
from lite0 import lite0
from turns import take_turns


def main() -> None:
    method, catalogue, k = sys.argv[1:]
    paths = json.loads(Path(catalogue).read_text())["paths"]
    take_turns((_by_hash if method == "phash" else _by_network)(paths, int(k)))


def _by_hash(paths, k):
    from imagededup.handlers.search.brute_force_cython import BruteForceCython
    from imagededup.methods import PHash

    hasher = PHash(verbose=False)
    search = BruteForceCython(
        {path: hasher.encode_image(path) for path in paths}, PHash.hamming_distance
    )

    def answer(photo):
        found = search.search(hasher.encode_image(photo), tol=64)
        return [path for path, _ in sorted(found, key=lambda pair: pair[1])[:k]]

    return answer


def _by_network(paths, k):
    from imagededup.methods import CNN
    from imagededup.utils import CustomModel
    from torchvision import transforms

    prepared = transforms.Compose(
        [
            transforms.Resize((224, 224)),
            transforms.ToTensor(),
            transforms.Normalize(mean=[0.498] * 3, std=[0.502] * 3),
        ]
    )
    network = lite0(without_head=True)
    encoder = CNN(verbose=False, model_config=CustomModel("lite0", network, prepared))
    rows = np.concatenate([encoder.encode_image(path) for path in paths])
    rows /= np.linalg.norm(rows, axis=1, keepdims=True)

    def answer(photo):
        vector = encoder.encode_image(photo)[0]
        order = np.argsort(-(rows @ (vector / np.linalg.norm(vector))), kind="stable")
        return [paths[place] for place in order[:k]]

    return answer


if __name__ == "__main__":
    main()
