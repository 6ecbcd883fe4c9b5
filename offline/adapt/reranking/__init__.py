"""Learn an order of the first hits from queries whose products are known."""
