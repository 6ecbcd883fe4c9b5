"""The parts of ``grocerystore.py``: which images, which chains, how a row is measured."""
