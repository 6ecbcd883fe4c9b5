"""What `embeddings.py` is made of."""
