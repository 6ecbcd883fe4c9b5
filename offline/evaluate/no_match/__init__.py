"""Can the system tell that a product is not in the catalogue? The report's section on it."""

from offline.evaluate.no_match.section import no_match_section

__all__ = ["no_match_section"]
