"""What runs keep on disk so that a killed one goes on: cutouts, mattes, vectors, descriptions,
and the checkpoints of a training."""
