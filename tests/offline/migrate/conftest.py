"""Migrations are tested over every home of galleries."""

from tests.contracts.conftest import new_address

__all__ = ["new_address"]
