"""Offline: build galleries, train, evaluate."""
