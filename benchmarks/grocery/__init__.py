"""The parts of ``grocerystore.py``: which pictures, which chains, how a row is measured."""
