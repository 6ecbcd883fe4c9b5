"""`packsight train NAME`: one module a trainable part."""
