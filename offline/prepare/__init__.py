"""What a profile needs and no package can bring: its networks, its classifier, its settings file.

Composes what the commands `weights fetch`, `weights export` and `train classifier` do, a step each,
into one folder.
"""
