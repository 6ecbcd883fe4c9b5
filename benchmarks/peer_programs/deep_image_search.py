"""DeepImageSearch, in an environment that has it.

    deep_image_search.py NETWORK CATALOGUE.json K

NETWORK: a name of timm, with random weights, as its own are fetched from a hub; but that of
``lite0`` with weights that a package brings.
"""

from __future__ import annotations

import json
import sys
import tempfile
from pathlib import Path

from lite0 import lite0
from turns import take_turns


def main() -> None:
    network, catalogue, k = sys.argv[1:]
    from DeepImageSearch import Search_Setup

    paths = json.loads(Path(catalogue).read_text())["paths"]
    with tempfile.TemporaryDirectory() as folder:
        name = "tf_efficientnet_lite0" if network == "lite0" else network
        setup = Search_Setup(paths, model_name=name, pretrained=False, metadata_dir=folder)
        if network == "lite0":
            import torch

            body = torch.nn.Sequential(*list(lite0().children())[:-1])
            setup.embedding.model.load_state_dict(body.state_dict())
        setup.run_index()

        def answer(photo: str) -> list[str]:
            found = setup.get_similar_images(photo, number_of_images=int(k))
            return [str(path) for path in found.values()]

        take_turns(answer)


if __name__ == "__main__":
    main()
