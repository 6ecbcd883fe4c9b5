"""Backbones rebuilt in the framework that trained them; the only room that imports torch or keras.

Used by ``packsight weights export`` alone and imported when it runs: serving needs neither.
"""
