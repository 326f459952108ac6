"""What a person sees while a step takes time: one line a step, with the seconds it took."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.console import Console

console = Console(stderr=True, highlight=False)
_QUIET_SECONDS = 30


def say(text: str) -> None:
    """Print one line of narration (to stderr: stdout belongs to what was asked for)."""
    console.print(f"    {text}", markup=False, soft_wrap=True)


@contextmanager
def step(title: str) -> Iterator[Callable[[str], None]]:
    """Show `title` with a spinner, and a detail that the body updates; print the time when it ends.

    Where output is a file (CI), the detail is a line every half minute instead, so that silence means trouble.
    """
    began = said = time.monotonic()

    def detail(text: str) -> None:
        nonlocal said
        now = time.monotonic()
        status.update(f"{title} ... {text} ({now - began:.0f} s)")
        if not console.is_terminal and now - said >= _QUIET_SECONDS:
            said = now
            say(f"{title}: {text} ({now - began:.0f} s)")

    with console.status(f"{title} ...") as status:
        yield detail
    console.print(f"  [green]ok[/] {title} [dim]{time.monotonic() - began:.1f} s[/]", soft_wrap=True)
