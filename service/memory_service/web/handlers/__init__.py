"""Handlers, a file a resource.

From a call whose parts are read and checked to an operation, and from its result to a reply.
"""
