"""Networks rebuilt in the framework that trained them, for export; imports torch and keras.

Used by ``packsight weights export`` alone and imported when it runs: serving needs neither.
"""
