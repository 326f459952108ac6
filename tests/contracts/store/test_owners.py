"""Owners: whom there is, and taking everything of one away in bounded steps."""

from __future__ import annotations

from memory_service.model.facts import Forgotten
from memory_service.model.mutations import Clear, Configure, Delete, Restore
from memory_service.model.values import Settings

from tests.contracts.store.log import Log

MONTH = 30 * 24 * 3_600_000


async def give(log: Log, thread: str, owner: str) -> None:
    await log.store.mutate(Configure(thread, Settings(owner=owner), "merge"))


async def backed_up(log: Log, thread: str) -> str:
    backup = (await log.store.mutate(Clear(thread, backup_ttl_ms=MONTH))).backup_id
    assert backup is not None
    return backup


async def forget(log: Log, owner: str, *, erase: bool = True) -> Forgotten:
    """Every step; the last one, with the sums."""
    messages = documents = backups = cursor = 0
    gone: tuple[int, ...] = ()
    while True:
        step = await log.store.forget(owner, cursor=cursor, erase=erase)
        messages, documents = messages + step.messages, documents + step.documents
        backups, gone = backups + step.backups, gone + step.incarnations
        if step.cursor is None and (not step.left or not erase):
            return Forgotten(messages, documents, backups, step.left, None, step.pos, gone)
        cursor = step.cursor or 0


async def test_owners_come_in_order_with_what_they_have(log: Log) -> None:
    await give(log, "a", "bob")
    await give(log, "b", "ada")
    await give(log, "c", "ada")
    await log.store.set_working(b"x", thread=None, owner="cleo", if_match=None, ttl_ms=None)
    first, more = await log.store.owners(after=None, limit=2)
    rest, end = await log.store.owners(after="bob", limit=2)
    assert [(each.name, each.threads, each.document) for each in first + rest] == [
        ("ada", 2, False),
        ("bob", 1, False),
        ("cleo", 0, True),
    ]
    assert (more, end) == (True, False)


async def test_nothing_of_an_erased_owner_is_left_under_any_key(log: Log) -> None:
    await give(log, "a", "ada")
    await log.append("a", "one", "two")
    await log.store.set_working(b"x", thread="a", owner=None, if_match=None, ttl_ms=None)
    await log.store.set_working(b"x", thread=None, owner="ada", if_match=None, ttl_ms=None)
    await backed_up(log, "a")
    await log.append("a", "three")
    done = await forget(log, "ada")
    assert (done.messages, done.documents, done.backups, done.left, len(done.incarnations)) == (1, 2, 1, 0, 1)
    names = " ".join(log.key_names())
    assert not any(
        word in names for word in (":t:a", ":l:a", ":s:a", ":w:a", ":o:", ":ow:", ":b:", "owners", "backups")
    )
    totals = await log.store.totals()
    assert (totals.threads, totals.messages, totals.tokens, totals.bytes) == (0, 0, 0, 0)
    assert (await log.entries())[-1].kind == "gone"
    assert await forget(log, "ada") == Forgotten(0, 0, 0, 0, None, done.pos)


async def test_others_keep_everything(log: Log) -> None:
    await give(log, "a", "ada")
    await give(log, "b", "bob")
    await log.append("b", "his")
    backup = await backed_up(log, "b")
    await log.append("free", "nobody's")
    await forget(log, "ada")
    assert (await log.store.mutate(Restore("b", backup))).count == 1
    assert await log.texts("b") == ["his"]
    assert await log.texts("free") == ["nobody's"]


async def test_a_backup_of_a_deleted_thread_goes_with_its_owner(log: Log) -> None:
    await give(log, "a", "ada")
    await log.append("a", "one")
    backup = await backed_up(log, "a")
    await log.store.mutate(Delete("a"))
    assert (await forget(log, "ada")).backups == 1
    assert (await log.store.mutate(Restore("a", backup))).code == "backup_not_found"


async def test_a_backup_from_before_the_owner_was_set_is_the_owners(log: Log) -> None:
    await log.append("a", "one")
    backup = await backed_up(log, "a")
    await give(log, "a", "ada")
    await log.store.mutate(Delete("a"))
    assert (await forget(log, "ada")).backups == 1
    assert (await log.store.mutate(Restore("a", backup))).code == "backup_not_found"


async def test_a_backup_that_learnt_its_owner_can_still_be_restored(log: Log) -> None:
    await log.append("a", "one")
    backup = await backed_up(log, "a")
    await give(log, "a", "ada")
    assert (await log.store.mutate(Restore("a", backup))).count == 1


async def test_many_threads_and_backups_go_in_steps(log: Log) -> None:
    for number in range(450):
        await give(log, f"t{number}", "ada" if number % 3 else "bob")
        await log.append(f"t{number}", "x")
        await backed_up(log, f"t{number}")
    seen = await forget(log, "ada", erase=False)
    assert (seen.backups, len(set(seen.incarnations))) == (300, 300)
    done = await forget(log, "ada")
    assert (len(done.incarnations), done.backups, done.left) == (300, 300, 0)
    assert (await forget(log, "bob", erase=False)).backups == 150


async def test_looking_removes_nothing(log: Log) -> None:
    await give(log, "a", "ada")
    await log.append("a", "one")
    found = await log.store.forget("ada", cursor=0, erase=False)
    assert (found.messages, found.left, len(found.incarnations)) == (1, 1, 1)
    assert await log.texts("a") == ["one"]


async def test_a_thread_that_was_made_anew_without_an_owner_stays(log: Log) -> None:
    await give(log, "a", "ada")
    await log.store.mutate(Delete("a"))
    await log.append("a", "new")
    await forget(log, "ada")
    assert await log.texts("a") == ["new"]
