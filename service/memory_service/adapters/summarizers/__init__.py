"""Chat models that sum up what leaves a thread."""
