"""Reports: what an evaluation measured, as a document, and its three forms: page, text, data."""
