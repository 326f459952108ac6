"""Bodies -> engine requests, every check included, so that nothing wrong reaches the engine's log (pure).

The engine writes an update to its log before it looks at it. A sparse vector with fewer values than indices, for
example, makes it panic there, and again at every attempt to open the collection; a payload that is nested too deep
cannot be read back from the log at all. Hence: checked here, completely, or not written.
"""
