"""The eight operations on keyed memories, as workflow tasks write them: key is their word for a thread.

task.py is what may be written, prepare.py renders and checks it, perform.py has an operation a function over the same
use-cases that the native routes use, patterns.py does one operation to every key that matches.
"""
