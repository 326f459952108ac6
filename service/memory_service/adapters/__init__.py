"""Implementations of the ports on real systems, and nothing else."""
