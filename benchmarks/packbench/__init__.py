"""The parts of the ``packbench_*`` scripts: rates, chains that are asked, statistics, masks."""
