"""The vector store over REST: Qdrant, or memory-vectors, which speaks the same calls."""
