"""Text to vectors: the local model, an OpenAI-compatible endpoint, BM25 words, and the service's way to the worker.

Nothing here is imported by the HTTP process but `remote`, which needs neither numpy nor a model.
"""
