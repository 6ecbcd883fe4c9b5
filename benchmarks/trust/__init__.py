"""The parts of ``mask_trust.py``: kept mattes, two ways to describe, rankings."""
