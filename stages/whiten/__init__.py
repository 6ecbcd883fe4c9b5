"""Whitenings: vectors of the embedder to shorter ones in which noise weighs less."""
