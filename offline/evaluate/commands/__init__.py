"""What `packsight evaluate` can evaluate, one file a stage."""
