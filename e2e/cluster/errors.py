"""The one error of this package: something a person has to know, in words, with what to do about it."""


class ClusterError(Exception):
    """A step failed; the text says which, why and how to go on. The command line prints it and exits with 1."""
