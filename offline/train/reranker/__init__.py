"""Training a reranker: how to put embedding, category, shape and trust together, so that it never
hurts on validation."""
