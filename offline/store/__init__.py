"""What expensive runs keep on disk, so that a killed one goes on: cutouts, vectors, mattes."""
