"""The log of a memory on Redis: one shared connection, the scripts that decide, and the ports they stand behind.

`stores.RedisStores` is the door: it opens memories on one server. Scripts are in lua/, joined by scripts.py; codec.py
is their other end of the packed forms. Nothing here knows HTTP, embedders or vectors.
"""
