"""The log as a few dozen lines of plain Python: what the store must agree with. Nothing here expires by time."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

from memory_service.model.mutations import Append, Clear, Configure, Delete, DeleteMessage, Mutation, Replace, Restore
from memory_service.model.values import UNSET, Draft, Settings
from memory_service.policies.retention import Policy

Answer = dict[str, object]


@dataclass
class Message:
    seq: int
    draft: Draft


@dataclass
class Thread:
    incarnation: int
    version: int = 0
    seq: int = 0
    messages: list[Message] = field(default_factory=list)
    settings: dict[str, object] = field(default_factory=dict)

    @property
    def plain(self) -> list[Message]:
        return [message for message in self.messages if message.draft.role != "system"]

    def window(self, policy: Policy) -> int | None:
        """Most messages: its own, else the memory's, None for no such window."""
        most = self.settings.get("max_messages") or policy.window_messages
        return most if isinstance(most, int) and most else None


@dataclass
class Reference:
    """One memory. `apply` answers what the store's outcome must say."""

    policy: Policy
    pos: int = 0
    threads: dict[str, Thread] = field(default_factory=dict)
    records: dict[bytes, tuple[bytes, Answer]] = field(default_factory=dict)
    backups: dict[str, tuple[str, list[Draft]]] = field(default_factory=dict)

    def apply(self, mutation: Mutation) -> Answer:
        key = mutation.guard.key
        if key is not None and not mutation.guard.dry_run and key.digest in self.records:
            body, answer = self.records[key.digest]
            return {**answer, "replayed": True} if body == key.body else {"code": "idempotency_mismatch"}
        answer = self._guarded(mutation)
        recorded = ("ok", "settings_conflict", "not_empty", "system_cap", "token_limit", "thread_full")
        if key is not None and not mutation.guard.dry_run and answer["code"] in recorded:
            self.records[key.digest] = (key.body, answer)
        return answer

    def _guarded(self, mutation: Mutation) -> Answer:
        thread = self.threads.get(mutation.thread)
        seen = mutation.guard.if_match
        if seen is not None and seen != (thread.version if thread else 0):
            return {"code": "version_mismatch"}
        if mutation.guard.if_absent and thread is not None:
            return {"code": "exists"}
        if not mutation.guard.dry_run:
            return self._apply(mutation)
        trial = Reference(self.policy, self.pos, _copied(self.threads), {}, dict(self.backups))
        version = thread.version if thread else 0
        return {**trial._apply(mutation), "version": version}

    def _apply(self, mutation: Mutation) -> Answer:
        match mutation:
            case Append(thread=name, drafts=drafts):
                return self._put(name, list(drafts), replacing=False) if drafts else _ok(count=0)
            case Replace(thread=name, drafts=drafts):
                return self._put(name, list(drafts), replacing=True) if drafts else self._clear(name, None)
            case Clear(thread=name, backup_ttl_ms=ttl):
                return self._clear(name, ttl)
            case Restore(thread=name, backup_id=backup):
                return self._restore(name, backup)
            case Delete(thread=name):
                return self._delete(name)
            case DeleteMessage(thread=name, message_id=message):
                return self._delete_message(name, message)
            case Configure(thread=name, settings=settings, mode=mode):
                return self._configure(name, settings, mode)
        raise AssertionError(mutation)

    def _step(self, thread: Thread) -> None:
        self.pos += 1
        thread.version = self.pos

    def _put(self, name: str, drafts: list[Draft], *, replacing: bool) -> Answer:
        old = self.threads.get(name)
        thread = old or Thread(self.pos + 1)
        stay = [] if replacing else list(thread.messages)
        first = thread.seq + 1
        new = [Message(first + place, draft) for place, draft in enumerate(drafts)]
        every = stay + new
        systems = sum(message.draft.role == "system" for message in every)
        budget = self.policy.window_tokens
        if budget and any(each.tokens > budget for each in drafts if each.role != "system"):
            return {"code": "token_limit"}
        if systems > self.policy.system_messages:
            return {"code": "system_cap"}
        kept, evicted = self._windowed(thread, every)
        if thread.window(self.policy) is None and len(every) - systems - evicted > self.policy.thread_messages:
            return {"code": "thread_full"}
        if old is None and self.policy.threads and len(self.threads) >= self.policy.threads:
            return {"code": "quota_exceeded"}
        thread.messages, thread.seq = kept, thread.seq + len(drafts)
        self.threads[name] = thread
        self._step(thread)
        return _ok(
            version=thread.version,
            created=old is None,
            first_seq=first,
            count=len(drafts),
            total=len(kept),
            evicted=evicted,
        )

    def _clear(self, name: str, backup_ttl: int | None) -> Answer:
        thread = self.threads.get(name)
        if thread is None or not thread.messages:
            return _ok(count=0)
        removed, thread.messages = thread.messages, []
        self._step(thread)
        if backup_ttl:
            backup = f"{thread.incarnation}-{thread.version}"
            self.backups[backup] = (name, [message.draft for message in removed])
        return _ok(version=thread.version, count=len(removed), total=0)

    def _restore(self, name: str, backup: str) -> Answer:
        thread = self.threads.get(name)
        if self.backups.get(backup, ("", []))[0] != name:
            return {"code": "backup_not_found"}
        if thread is not None and thread.messages:
            return {"code": "not_empty"}
        answer = self._put(name, self.backups[backup][1], replacing=False)
        if answer["code"] == "ok":
            del self.backups[backup]
        return answer

    def _delete(self, name: str) -> Answer:
        thread = self.threads.pop(name, None)
        if thread is None:
            return _ok(deleted=False)
        self._step(thread)
        return _ok(version=thread.version, deleted=True, count=len(thread.messages))

    def _delete_message(self, name: str, message_id: str) -> Answer:
        thread = self.threads.get(name)
        found = [m for m in thread.messages if f"{thread.incarnation}-{m.seq}" == message_id] if thread else []
        if thread is None or not found:
            return {"code": "message_not_found"}
        thread.messages.remove(found[0])
        self._step(thread)
        return _ok(version=thread.version, count=1, total=len(thread.messages))

    def _configure(self, name: str, settings: Settings, mode: str) -> Answer:
        old = self.threads.get(name)
        given = {key: value for key in ("type", "owner", "title", "max_messages", "metadata")
                 if (value := getattr(settings, key)) is not UNSET}  # fmt: skip
        given = {key: None if key == "type" and value == "CHAT" else value or None for key, value in given.items()}
        present = dict(old.settings) if old else {}
        if mode == "create" and old and any(self._differs(old, key, value) for key, value in given.items()):
            return {"code": "settings_conflict"}
        base = {"owner": present.get("owner")} if mode == "replace" else present
        wanted = {key: value for key, value in {**base, **given}.items() if value is not None}
        if present.get("owner") and wanted.get("owner") != present["owner"]:
            return {"code": "settings_conflict"}
        if old is None and self.policy.threads and len(self.threads) >= self.policy.threads:
            return {"code": "quota_exceeded"}
        if old is not None and wanted == present:
            return _ok(version=old.version, changed=False)
        thread = old or Thread(self.pos + 1)
        thread.settings = wanted
        thread.messages, evicted = self._windowed(thread, thread.messages)
        self.threads[name] = thread
        self._step(thread)
        return _ok(version=thread.version, created=old is None, evicted=evicted)

    def _differs(self, thread: Thread, key: str, value: object) -> bool:
        present = thread.settings.get(key)
        return present != value and not (key == "max_messages" and value == thread.window(self.policy))

    def _windowed(self, thread: Thread, messages: list[Message]) -> tuple[list[Message], int]:
        return _windowed(messages, thread.window(self.policy), self.policy.window_tokens or None)


def _windowed(messages: list[Message], most: int | None, budget: int | None) -> tuple[list[Message], int]:
    """What a window keeps: system messages, and the newest others; results leave with their call, the newest never."""
    plain = [message for message in messages if message.draft.role != "system"]
    leave = max(0, len(plain) - most) if most is not None else 0
    while budget is not None and sum(message.draft.tokens for message in plain[leave:]) > budget:
        leave += 1
    while 0 < leave < len(plain) - 1 and plain[leave].draft.role == "tool":
        leave += 1
    gone = {message.seq for message in plain[:leave]}
    return [message for message in messages if message.seq not in gone], leave


def _ok(**said: object) -> Answer:
    return {"code": "ok", **said}


def _copied(threads: dict[str, Thread]) -> dict[str, Thread]:
    return {
        name: replace(thread, messages=list(thread.messages), settings=dict(thread.settings))
        for name, thread in threads.items()
    }
