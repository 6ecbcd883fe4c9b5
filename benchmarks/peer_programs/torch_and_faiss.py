"""The paper's chain as one would write it in an afternoon: torch, OpenCV and FAISS, no more.

    torch_and_faiss.py NETWORKS CATALOGUE.json K

NETWORKS: a folder made by ``support.paper_networks``.
"""

from __future__ import annotations

import json
import sys
import tomllib
from pathlib import Path

import torch  # before others that bring OpenMP

# isort: split
import cv2
import faiss
import numpy as np
from torchvision import models
from turns import take_turns

from weights.frameworks.nets.u2net import U2NET

MEAN, STD = np.array([0.485, 0.456, 0.406]), np.array([0.229, 0.224, 0.225])


class Search:
    def __init__(self, networks: Path, paths: list[str], k: int) -> None:
        self.sides = {}
        for name in ("u2net", "classifier", "resnet50"):
            described = tomllib.loads((networks / f"{name}.toml").read_text())["input"]
            self.sides[name] = described["width"], described["height"]
        self.u2net = _loaded(U2NET(), networks / "u2net.pth")
        classes = len((networks / "classifier.labels.txt").read_text().split())
        self.classifier = _loaded(
            models.efficientnet_v2_l(num_classes=classes), networks / "classifier.pth"
        )
        self.resnet = _loaded(models.resnet50(), networks / "resnet50.pth")
        self.resnet.fc = torch.nn.Identity()
        self.k = k
        self.paths: dict[int, list[str]] = {}
        self.masks: dict[int, list[np.ndarray]] = {}
        self.indexes: dict[int, faiss.IndexFlatL2] = {}
        for path in paths:
            category, vector, mask = self.describe(path)
            self.indexes.setdefault(category, faiss.IndexFlatL2(vector.shape[1])).add(vector)
            self.paths.setdefault(category, []).append(path)
            self.masks.setdefault(category, []).append(mask)

    def describe(self, path: str) -> tuple[int, np.ndarray, np.ndarray]:
        image = cv2.cvtColor(cv2.imread(path), cv2.COLOR_BGR2RGB)
        with torch.no_grad():
            saliency = self.u2net(_batch(cv2.resize(image, self.sides["u2net"]) / image.max()))[0]
            mask = cv2.resize(saliency[0, 0].numpy(), image.shape[1::-1])
            mask = (mask - mask.min()) / (mask.max() - mask.min() + 1e-9)
            rows, columns = np.nonzero(mask > 0.5)
            box = np.s_[rows.min() : rows.max() + 1, columns.min() : columns.max() + 1]
            grey = cv2.cvtColor(cv2.cvtColor(image, cv2.COLOR_RGB2GRAY), cv2.COLOR_GRAY2RGB)
            white = (grey * mask[..., None] + 255 * (1 - mask[..., None]))[box] / 255
            vector = self.resnet(_batch(cv2.resize(white, self.sides["resnet50"]))).numpy()
            logits = self.classifier(_batch(cv2.resize(white, self.sides["classifier"])))
        shape = cv2.resize(mask[box], (128, 128)) > 0.5
        return int(logits.argmax()), vector, shape

    def find(self, photo: str) -> list[str]:
        category, vector, mask = self.describe(photo)
        if category not in self.indexes:
            category = next(iter(self.indexes))
        places = self.indexes[category].search(vector, self.k)[1][0]
        places = [place for place in places if place >= 0]

        def overlap(place: int) -> float:
            other = self.masks[category][place]
            return float((mask & other).sum() / max(1, (mask | other).sum()))

        return [self.paths[category][place] for place in sorted(places, key=overlap, reverse=True)]


def _loaded(network: torch.nn.Module, path: Path) -> torch.nn.Module:
    network.load_state_dict(torch.load(path, map_location="cpu", weights_only=True))
    return network.eval()


def _batch(image: np.ndarray) -> torch.Tensor:
    normalised = (image - MEAN) / STD
    return torch.from_numpy(normalised.transpose(2, 0, 1)[None].astype(np.float32))


def main() -> None:
    networks, catalogue, k = sys.argv[1:]
    paths = json.loads(Path(catalogue).read_text())["paths"]
    take_turns(Search(Path(networks), paths, int(k)).find)


if __name__ == "__main__":
    main()
