"""The cluster that the demo and the end-to-end tests run on: `python -m e2e.cluster --help`.

Three kinds stand behind one protocol (`protocol.Cluster`): a context the caller names, kind, and a real single node
of our own that needs no container engine. Modules that decide or render are pure; README.md says which act.
"""
