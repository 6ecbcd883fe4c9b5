"""The parts of the ``packbench_*`` scripts: rates, chains, statistics, masks."""
