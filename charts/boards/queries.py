"""What a board's queries are once Grafana has filled them in, and which names they may use."""

from __future__ import annotations

import re
from typing import Final

FILLED: Final = {
    "$job": ".+",
    "$namespace": ".+",
    "$memory": ".+",
    "$__rate_interval": "1m",
}


def substituted(expression: str, *, rate_interval: str = "1m") -> str:
    """The expression as Grafana sends it with everything chosen. Raises ValueError for a variable nobody declares."""
    values = FILLED | {"$__rate_interval": rate_interval}
    filled = re.sub(r"\$\w+", lambda found: values.get(found[0], found[0]), expression)
    if "$" in filled:
        raise ValueError(f"an unknown variable is left in {filled!r}")
    return filled
