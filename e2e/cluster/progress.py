"""What a person sees while a step takes time: one line a step, with the seconds it took."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.console import Console

console = Console(stderr=True, highlight=False)


def say(text: str) -> None:
    """Print one line of narration (to stderr: stdout belongs to what was asked for)."""
    console.print(f"    {text}", markup=False, soft_wrap=True)


@contextmanager
def step(title: str) -> Iterator[Callable[[str], None]]:
    """Show `title` with a spinner, and a detail that the body updates; print the time when it ends."""
    began = time.monotonic()
    with console.status(f"{title} ...") as status:
        yield lambda detail: status.update(f"{title} ... {detail} ({time.monotonic() - began:.0f} s)")
    console.print(f"  [green]ok[/] {title} [dim]{time.monotonic() - began:.1f} s[/]", soft_wrap=True)
