"""Tells what happens: a heading a step, the commands as a user would type them, progress while it takes time."""

from __future__ import annotations

import json
import os
import shlex
import sys
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Final

from rich import box
from rich.console import Console
from rich.markup import escape
from rich.padding import Padding
from rich.table import Table

TOLD: Final = "MEMORY_DEMO_TOLD"
"""Environment variable that hands the steps told so far to the part of the demo that runs inside the cluster."""
INDENT: Final = 4

Detail = Callable[[str], None]


@dataclass
class Narrator:
    """Prints the story and remembers how long each step took: (title, seconds)."""

    total: int
    console: Console = field(
        default_factory=lambda: Console(highlight=False, soft_wrap=True, width=None if sys.stdout.isatty() else 110)
    )
    told: list[tuple[str, float]] = field(default_factory=list)

    @classmethod
    def resumed(cls, total: int) -> Narrator:
        """A narrator that goes on where another process stopped."""
        told = [(title, seconds) for title, seconds in json.loads(os.environ.get(TOLD, "[]"))]
        return cls(total, told=told)

    def handed_over(self) -> dict[str, str]:
        """What to add to the environment of the process that goes on."""
        return {TOLD: json.dumps(self.told)}

    @contextmanager
    def step(self, title: str, why: str = "", *, quiet: bool = False) -> Iterator[Detail]:
        """One step. Yields a function that shows what is being waited for; `quiet` leaves that to the body."""
        number = len(self.told) + 1
        self.console.print(f"\n[bold cyan]{number}/{self.total}[/]  [bold]{title}[/]")
        if why:
            self.say(f"[dim]{why}[/]")
        began = time.monotonic()
        if quiet:
            yield lambda text: None
        else:
            with self.console.status("...") as status:
                yield lambda text: status.update(f"[dim]{escape(text)} ({time.monotonic() - began:.0f} s)[/]")
        seconds = time.monotonic() - began
        self.told.append((title, seconds))
        self.say(f"[green]done[/] [dim]in {seconds:.1f} s[/]")

    def say(self, text: str) -> None:
        """One line of the story."""
        self.console.print(" " * INDENT + text)

    def command(self, words: Sequence[object]) -> None:
        """A command that is about to run, as it would be typed."""
        self.say(f"[yellow]$[/] {escape(shlex.join(str(word) for word in words))}")

    def quote(self, text: str) -> None:
        """What a program answered, as it is."""
        for line in text.rstrip().splitlines():
            self.console.print(" " * INDENT + line, markup=False)

    def table(self, title: str, headings: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
        """A small table."""
        table = Table(*headings, title=title, title_justify="left", box=box.SIMPLE_HEAD, pad_edge=False)
        for row in rows:
            table.add_row(*(str(cell) for cell in row))
        self.console.print(Padding.indent(table, INDENT))

    def timings(self) -> None:
        """How long each step took, and all of them."""
        rows = [(title, f"{seconds:.1f} s") for title, seconds in self.told]
        rows.append(("all", f"{sum(seconds for _, seconds in self.told):.1f} s"))
        self.console.print()
        self.table("How long it took", ("step", "time"), rows)
