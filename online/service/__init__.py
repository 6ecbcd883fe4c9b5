"""The online service: the query function over HTTP, for other software and for people.

Its modules need the extra ``serve``; only ``packsight serve`` imports them.
"""
