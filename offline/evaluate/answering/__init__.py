"""The whole chain judged by what a user gets: products, best first, and where a right one is
lost."""
