"""What a writer does next, drawn from a seed: requests, and what an answer to each means for its ledger. Pure."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Final

from tests.chaos.ledger import Json, Ledger, Thread

FREE: Final = 8
WINDOWED: Final = 2
OWNED: Final = 2
SHARED: Final = 2
WINDOW: Final = 20
MOST: Final = 300
"""A thread that grew past this is emptied or deleted next, so that it stays cheap to compare."""
QUESTIONS: Final = ("read", "recall")
"""Kinds of deeds that change nothing."""
WORDS: Final = ("invoice", "parcel", "charger", "refund", "meeting", "garden", "violin", "ticket", "engine", "winter")


@dataclass(frozen=True)
class Deed:
    """One request. `settle` takes its answer into the ledger."""

    kind: str
    method: str
    path: str
    body: Any
    settle: Callable[[Json], None]
    keyed: bool = True


@dataclass
class Writer:
    """Draws the deeds of writer `number`, who owns its threads alone but for the shared ones."""

    number: int
    seed: int
    ledger: Ledger = field(default_factory=Ledger)
    said: int = 0
    dice: random.Random = field(init=False)

    def __post_init__(self) -> None:
        self.dice = random.Random(f"writer {self.number} of {self.seed}")

    def next(self) -> Deed:
        """The next deed: nearly always an append."""
        chance = self.dice.random()
        if chance < 0.3 and (restorable := self._restorable()):
            return self._restore(restorable[0])
        if chance < 0.92:
            return self._append()
        if chance < 0.95:
            return self._bulk()
        if chance < 0.96:
            return self._fading()
        if chance < 0.97:
            return self._question()
        return self._removal()

    # --- more ---------------------------------------------------------------------------------------------------------

    def _append(self) -> Deed:
        if self.dice.random() < 0.05:
            name = f"shared-{self.dice.randrange(SHARED)}"
            return self._say(name, self.ledger.said)
        name, window, owner = self._thread()
        if name not in self.ledger.threads and (window or owner):
            return self._configure(name, window, owner)
        if len(self._lines(name)) >= MOST:
            return self._delete(name)
        if self.dice.random() < 0.01:
            return self._write(name)
        return self._say(name, self.ledger.appended)

    def _say(self, name: str, settle: Callable[[str, list[str], Json], None]) -> Deed:
        contents = self._contents(1 if self.dice.random() < 0.95 else self.dice.randint(2, 4))
        body = {"messages": [{"role": "user", "content": content} for content in contents]}
        return self._deed("append", "POST", f"{name}/messages", body, lambda a: settle(name, contents, a))

    def _write(self, name: str) -> Deed:
        contents = self._contents(self.dice.randint(1, 5))
        body = {"messages": [{"role": "user", "content": content} for content in contents]}
        return self._deed("replace", "PUT", f"{name}/messages", body, lambda a: self.ledger.written(name, contents, a))

    def _configure(self, name: str, window: int, owner: str | None) -> Deed:
        body = ({"max_messages": window} if window else {}) | ({"owner": owner} if owner else {})
        return self._deed("settings", "PUT", name, body, lambda a: self.ledger.configured(name, window, owner, a))

    def _bulk(self) -> Deed:
        names = self.dice.sample(range(FREE), 3)
        items = [(f"w{self.number}-{name}", self._contents(1)) for name in names]

        def settle(answer: Json) -> None:
            for (name, contents), result in zip(items, answer["results"], strict=True):
                self.ledger.appended(name, contents, result)

        body = {"items": [{"thread": name, "messages": [{"content": text} for text in texts]} for name, texts in items]}
        return Deed("bulk append", "POST", "messages", body, settle)

    def _fading(self) -> Deed:
        """Messages that expire within seconds: at the end none of them may be there, nor its point."""
        contents = self._contents(1)
        body = {"content": contents[0], "ttl": f"{self.dice.randint(1, 8)}s"}
        return self._deed("expiring append", "POST", f"w{self.number}-fading/messages", body, lambda _: None)

    # --- neither ------------------------------------------------------------------------------------------------------

    def _question(self) -> Deed:
        """A read of the newest messages, or a recall; an append while there is nothing to ask about."""
        free = {f"w{self.number}-{number}" for number in range(FREE)}
        asked = [name for name, thread in self.ledger.threads.items() if name in free and thread.lines]
        if not asked:
            return self._append()
        name = self.dice.choice(asked)
        if self.dice.random() < 0.5:
            path = f"threads/{name}/messages?last={WINDOW}"
            return Deed("read", "GET", path, None, lambda a: self.ledger.read(name, WINDOW, a), keyed=False)
        _, query = self.dice.choice(self._lines(name))
        mode = self.dice.choice(("hybrid", "dense", "keyword"))
        body = {"query": query, "scope": "thread", "thread": name, "max_results": 5, "mode": mode}
        return Deed("recall", "POST", "recall", body, lambda a: self.ledger.recalled(name, a), keyed=False)

    # --- less ---------------------------------------------------------------------------------------------------------

    def _removal(self) -> Deed:
        """Something that takes messages away; an append while there is nothing to take."""
        mine = [name for name, thread in self.ledger.threads.items() if thread.lines]
        if not mine:
            return self._append()
        name = self.dice.choice(mine)
        if (owner := self.ledger.threads[name].owner) and self.dice.random() < 0.1:
            return self._erase(owner)
        return self.dice.choice((self._delete, self._clear, self._flush, self._remove, self._remove, self._remove))(
            name
        )

    def _delete(self, name: str) -> Deed:
        return self._deed("delete", "DELETE", name, None, lambda a: self.ledger.deleted(name, a))

    def _clear(self, name: str) -> Deed:
        path = f"{name}/messages?backup={self.dice.choice(('true', 'false'))}"
        return self._deed("clear", "DELETE", path, None, lambda a: self.ledger.cleared(name, a))

    def _restore(self, backup: str) -> Deed:
        name, _ = self.ledger.backups[backup]
        body = {"backup_id": backup}
        return self._deed("restore", "POST", f"{name}/restore", body, lambda a: self.ledger.restored(name, backup, a))

    def _remove(self, name: str) -> Deed:
        known = [identity for identity, _ in self._lines(name) if identity]
        if not known:
            return self._delete(name)
        one = self.dice.choice(known)
        return self._deed(
            "removal", "DELETE", f"{name}/messages/{one}", None, lambda a: self.ledger.removed(name, one, a)
        )

    def _flush(self, name: str) -> Deed:
        body = {"strategy": "simple_fifo", "force": True, "target": 0.5}
        return self._deed("flush", "POST", f"{name}/flush", body, lambda a: self.ledger.flushed(name, a))

    def _erase(self, owner: str) -> Deed:
        return Deed("erasure", "DELETE", f"owners/{owner}", None, lambda _: self.ledger.erased(owner))

    def _restorable(self) -> list[str]:
        """Backups of threads that are still empty: into others none can be brought back."""
        return [backup for backup, (name, _) in self.ledger.backups.items() if not self._lines(name)]

    # --- parts --------------------------------------------------------------------------------------------------------

    def _deed(self, kind: str, method: str, path: str, body: Any, settle: Callable[[Json], None]) -> Deed:
        return Deed(kind, method, f"threads/{path}", body, settle)

    def _thread(self) -> tuple[str, int, str | None]:
        """One of this writer's threads: its name, window and owner."""
        number = self.dice.randrange(FREE + WINDOWED + OWNED)
        window = WINDOW if FREE <= number < FREE + WINDOWED else 0
        return f"w{self.number}-{number}", window, f"owner-{self.number}" if number >= FREE + WINDOWED else None

    def _lines(self, name: str) -> list[tuple[str, str]]:
        return self.ledger.threads.get(name, Thread()).lines

    def _contents(self, count: int) -> list[str]:
        """Texts of some ten tokens, no two alike."""
        self.said += count
        return [
            f"{' '.join(self.dice.choices(WORDS, k=5))} {self.number} {number}"
            for number in range(self.said - count, self.said)
        ]
