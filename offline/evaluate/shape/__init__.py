"""How well shape alone finds a silhouette's class: the bullseye score of several descriptors."""
