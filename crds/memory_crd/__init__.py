"""The contract between the operator and the service: resources, definitions, names, conditions, the connection Secret.

Nothing here does I/O, except `definitions.load` (files) and `python -m memory_crd.schema`; nothing here imports ours.
"""
