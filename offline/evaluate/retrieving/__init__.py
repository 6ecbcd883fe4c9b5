"""Retrieval judged from evidence: rankings before and after rerank, by every label there is."""
