"""Can the system tell that a product is not in the catalogue?"""
