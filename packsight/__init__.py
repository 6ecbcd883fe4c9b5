"""The public face of Packsight, and its command line."""
