"""The whole chain by what a user gets: products, best first, and where the correct one is lost."""
