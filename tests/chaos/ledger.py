"""What one writer knows must be there: a plain model of its threads, moved by acknowledged answers only. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

Line = tuple[str, str]
"""A message's id and content."""
Json = dict[str, Any]


@dataclass
class Thread:
    """A thread as the model has it; `window` 0 means all messages stay."""

    window: int = 0
    owner: str | None = None
    lines: list[Line] = field(default_factory=list)


@dataclass
class Ledger:
    """The threads of one writer, and whatever an answer said that the model contradicts."""

    threads: dict[str, Thread] = field(default_factory=dict)
    backups: dict[str, tuple[str, list[Line]]] = field(default_factory=dict)
    shared: dict[str, list[Line]] = field(default_factory=dict)
    """What this writer said in threads that others write to as well, in its order."""
    faults: list[str] = field(default_factory=list)

    def appended(self, name: str, contents: Sequence[str], answer: Json) -> None:
        """An append: its ids, and how many left to keep the window."""
        self.expect(f"append to {name}", answer, {"appended": len(contents), "created": name not in self.threads})
        thread = self.threads.setdefault(name, Thread())
        thread.lines += zip(answer["ids"], contents, strict=True)
        surplus = max(0, len(thread.lines) - thread.window) if thread.window else 0
        del thread.lines[:surplus]
        self.expect(f"append to {name}", answer, {"total": len(thread.lines), "evicted": surplus})

    def said(self, name: str, contents: Sequence[str], answer: Json) -> None:
        """An append to a shared thread."""
        self.expect(f"append to {name}", answer, {"appended": len(contents)})
        self.shared.setdefault(name, []).extend(zip(answer["ids"], contents, strict=True))

    def written(self, name: str, contents: Sequence[str], answer: Json) -> None:
        """A replacement of all messages."""
        self.expect(f"write of {name}", answer, {"written": len(contents), "created": name not in self.threads})
        self.threads.setdefault(name, Thread()).lines = list(zip(answer["ids"], contents, strict=True))

    def configured(self, name: str, window: int, owner: str | None, answer: Json) -> None:
        """A thread made by its settings."""
        self.expect(f"settings of {name}", answer, {"created": name not in self.threads, "changed": True})
        self.threads[name] = Thread(window, owner)

    def deleted(self, name: str, answer: Json) -> None:
        """A whole thread gone."""
        self.expect(f"delete of {name}", answer, {"deleted": name in self.threads})
        self.threads.pop(name, None)
        self._forget_backups(name)

    def cleared(self, name: str, answer: Json) -> None:
        """A thread emptied, perhaps with a backup."""
        thread = self.threads[name]
        self.expect(f"clear of {name}", answer, {"cleared": len(thread.lines)})
        if answer.get("backup_id"):
            self.backups[answer["backup_id"]] = (name, thread.lines)
        thread.lines = []

    def restored(self, name: str, backup: str, answer: Json) -> None:
        """A backup brought back, its messages under new ids, which the answer does not tell."""
        _, lines = self.backups.pop(backup)
        self.expect(f"restore of {name}", answer, {"restored": len(lines)})
        self.threads[name].lines = [("", content) for _, content in lines]

    def removed(self, name: str, message: str, answer: Json) -> None:
        """One message gone."""
        self.expect(f"removal from {name}", answer, {"deleted": True})
        thread = self.threads[name]
        thread.lines = [line for line in thread.lines if line[0] != message]

    def flushed(self, name: str, answer: Json) -> None:
        """The oldest gone."""
        thread = self.threads[name]
        del thread.lines[: answer["removed"]]
        self.expect(f"flush of {name}", answer, {"kept": len(thread.lines)})

    def read(self, name: str, most: int, answer: Json) -> None:
        """The newest messages, whichever replica was asked: what was acknowledged is there at once."""
        lines = self.threads[name].lines
        self.expect(f"read of {name}", answer, {"total": len(lines)})
        found = [(message["id"], message["content"]) for message in answer["messages"]]
        self.faults += differences(f"read of {name}", lines[-most:], found)

    def recalled(self, name: str, answer: Json) -> None:
        """Whatever the index knows, nothing comes back that is not there now."""
        living = {content for _, content in self.threads[name].lines}
        for hit in answer["hits"]:
            if hit["thread"] != name or hit["message"]["content"] not in living:
                self.faults.append(f"recall in {name} brought back {hit['message']} of {hit['thread']}")

    def erased(self, owner: str) -> None:
        """Everything of an owner gone."""
        for name in [name for name, thread in self.threads.items() if thread.owner == owner]:
            del self.threads[name]
            self._forget_backups(name)

    def _forget_backups(self, name: str) -> None:
        self.backups = {key: backup for key, backup in self.backups.items() if backup[0] != name}

    def expect(self, what: str, answer: Json, wanted: Json) -> None:
        """Note where an answer differs from the model."""
        got = {key: answer.get(key) for key in wanted}
        if got != wanted:
            self.faults.append(f"{what}: answered {got}, the model says {wanted}")


def differences(name: str, model: Sequence[Line], found: Sequence[Line]) -> list[str]:
    """What is lost, doubled or out of order in a thread; an id that the model does not know matches any."""
    mine, theirs = [content for _, content in model], [content for _, content in found]
    if mine == theirs:
        ids = [(known, now) for (known, _), (now, _) in zip(model, found, strict=True)]
        changed = [pair for pair in ids if pair[0] not in ("", pair[1])]
        return [f"{name}: ids changed: {changed[:3]}"] if changed else []
    wanted, there = Counter(mine), Counter(theirs)
    lost, unknown = list((wanted - there).elements()), [text for text in there if text not in wanted]
    doubled = [text for text in there - wanted if text in wanted]
    kinds = {"lost": lost, "doubled": doubled, "unknown": unknown}
    faults = [f"{name}: {len(texts)} {kind}: {texts[:3]}" for kind, texts in kinds.items() if texts]
    return faults or [f"{name}: out of order"]


def lost_or_moved(name: str, model: Sequence[Line], found: Sequence[Line]) -> list[str]:
    """The same for one writer's messages among others' in a shared thread."""
    ids = {identity for identity, _ in model}
    return differences(name, model, [line for line in found if line[0] in ids])
