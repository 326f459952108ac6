"""`python -m e2e.cluster VERB`: the cluster of the demo and of the end-to-end tests."""

import os
import sys

from e2e.cluster.builtin import Builtin
from e2e.cluster.identity import Identity
from e2e.cluster.paths import REPOSITORY

b = Builtin(Identity.of(os.environ.get("MEMORY_CLUSTER", "demo"), REPOSITORY, os.environ), os.environ)
v = sys.argv[1]
if v == "up":
    b.up()
elif v == "down":
    b.down()
elif v == "status":
    print(b.status())
elif v == "exec":
    c = b.command(sys.argv[2:])
    os.execvpe(c.words[0], c.words, dict(c.environment))
