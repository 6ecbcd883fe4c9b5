"""Retrieval: rankings of images, before and after reranking."""
