"""Any history of mutations leaves store and reference in agreement: answers, contents, counts, index."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import asdict, replace

import msgspec
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from memory_service.model.facts import Slice, ThreadQuery
from memory_service.model.mutations import Append, Clear, Configure, Delete, DeleteMessage, Mutation, Replace, Restore
from memory_service.model.outbox import OutboxEntry
from memory_service.model.search import Audience, Candidate
from memory_service.model.values import UNSET, Draft, Guard, IdempotencyKey, Role, Settings
from memory_service.policies.retention import Policy

from tests.contracts.store.log import HOUR, Log, draft
from tests.contracts.store.reference import Reference
from tests.contracts.store.servers import Server

POLICY = Policy(thread_messages=6, system_messages=3, threads=3)
POLICIES = (
    POLICY,
    replace(POLICY, window_messages=3),
    replace(POLICY, window_tokens=5),
    replace(POLICY, window_messages=4, window_tokens=4),
)
ROLES: tuple[Role, ...] = ("user", "assistant", "tool", "tool", "system")
names = st.sampled_from("abcd")
roles = st.sampled_from(ROLES)
messages = st.lists(st.builds(draft, st.text(max_size=3), roles), max_size=5).map(tuple)
ids = st.builds("{}-{}".format, st.integers(1, 6), st.integers(1, 8))
keys = (
    st.none()
    | st.none()
    | st.builds(
        lambda name, body: IdempotencyKey(name.encode() * 14, body.encode() * 6),
        st.sampled_from("kl"),
        st.sampled_from("xy"),
    )
)
guards = st.builds(
    Guard,
    if_match=st.sampled_from([None, None, None, None, 1, 2, 3, 5]),
    if_absent=st.sampled_from([False, False, False, True]),
    dry_run=st.sampled_from([False, False, False, True]),
    key=keys,
)
configurations = st.builds(
    Settings,
    type=st.sampled_from([UNSET, "CHAT", "AGENT"]),
    owner=st.sampled_from([UNSET, UNSET, None, "ada", "bob"]),
    max_messages=st.sampled_from([None, 1, 2, 3]),
    metadata=st.sampled_from([None, {"k": [1]}]),
)
mutations = st.one_of(
    st.builds(Append, names, messages, guards),
    st.builds(Append, names, messages, st.just(Guard())),
    st.builds(Append, names, messages, st.just(Guard())),
    st.builds(Replace, names, messages, guards),
    st.builds(Clear, names, st.sampled_from([None, HOUR]), guards),
    st.builds(Restore, names, ids, guards),
    st.builds(Delete, names, guards),
    st.builds(DeleteMessage, names, ids, guards),
    st.builds(Configure, names, configurations, st.sampled_from(["replace", "merge", "create"]), guards),
)


@settings(max_examples=150, deadline=None, suppress_health_check=list(HealthCheck))
@given(st.lists(mutations, min_size=8, max_size=60), st.integers(1, 12), st.sampled_from(POLICIES))
def test_store_and_reference_agree_on_any_history(
    server: Server, history: list[Mutation], group: int, policy: Policy
) -> None:
    asyncio.run(agree(server, history, group, policy))


async def agree(server: Server, history: Sequence[Mutation], group: int, policy: Policy) -> None:
    stores = server.stores()
    log, reference = Log.new(stores, server), Reference(policy)
    log = log.with_policy(**asdict(policy))
    try:
        for batch in batched(history, group):
            batch = [aimed(mutation, reference) for mutation in batch]
            outcomes = await asyncio.gather(*(log.store.mutate(mutation) for mutation in batch))
            for mutation, outcome in zip(batch, outcomes, strict=True):
                expected = reference.apply(mutation)
                said = {name: getattr(outcome, name) for name in expected}
                assert said == expected, mutation
        await same_contents(log, reference)
        await same_index(log, reference)
        assert set((await log.outbox.erase()).values()) == {0}
        assert log.key_names() == []
    finally:
        await stores.close()


def batched(history: Sequence[Mutation], size: int) -> list[Sequence[Mutation]]:
    return [history[at : at + size] for at in range(0, len(history), size)]


def aimed(mutation: Mutation, reference: Reference) -> Mutation:
    """Most ids and versions that were drawn hit something that exists when their batch begins."""
    thread = reference.threads.get(mutation.thread)
    if mutation.guard.if_match == 1 and thread is not None:
        mutation = replace(mutation, guard=replace(mutation.guard, if_match=thread.version))
    if isinstance(mutation, DeleteMessage) and thread is not None and thread.messages:
        drawn = sum(map(int, mutation.message_id.split("-")))
        seq = thread.messages[drawn % len(thread.messages)].seq
        return replace(mutation, message_id=f"{thread.incarnation}-{seq}")
    if isinstance(mutation, Restore):
        saved = [backup for backup, (name, _) in reference.backups.items() if name == mutation.thread]
        return replace(mutation, backup_id=saved[-1]) if saved else mutation
    return mutation


async def same_contents(log: Log, reference: Reference) -> None:
    """Threads, messages, facts, totals and lists are the reference's."""
    stored = 0
    for name in "abcd":
        facts, thread = await log.store.facts(name), reference.threads.get(name)
        page = await log.store.read(name, Slice(limit=1000))
        newest = await log.store.read(name, Slice(last=100))
        assert page.messages == newest.messages
        stored += sum(map(len, page.messages))
        assert facts.exists == (thread is not None)
        if thread is None:
            continue
        found = [msgspec.json.decode(message) for message in page.messages]
        assert [each["id"] for each in found] == [f"{thread.incarnation}-{each.seq}" for each in thread.messages]
        assert [each["role"] for each in found] == [each.draft.role for each in thread.messages]
        assert (facts.version, facts.incarnation, page.version) == (thread.version, thread.incarnation, thread.version)
        assert facts.messages == len(thread.messages) == page.total
        assert facts.tokens == sum(each.draft.tokens for each in thread.messages)
        assert facts.bytes == sum(map(len, page.messages))
        assert (facts.owner, facts.max_messages) == (thread.settings.get("owner"), thread.window(reference.policy))
    totals = await log.store.totals()
    every = [each for thread in reference.threads.values() for each in thread.messages]
    assert (totals.threads, totals.messages) == (len(reference.threads), len(every))
    assert (totals.tokens, totals.bytes) == (sum(each.draft.tokens for each in every), stored)
    assert totals.pos == reference.pos
    by_birth = sorted(reference.threads, key=lambda name: reference.threads[name].incarnation)
    for order, expected in (("id", sorted(reference.threads)), ("created", by_birth)):
        listed = await log.store.threads(ThreadQuery(order=order))  # type: ignore[arg-type]
        assert [facts.thread for facts in listed.threads] == expected
    for owner in ("ada", "bob"):
        owned = [name for name, thread in reference.threads.items() if thread.settings.get("owner") == owner]
        assert [facts.thread for facts in (await log.store.threads(ThreadQuery(owner=owner))).threads] == sorted(owned)


async def same_index(log: Log, reference: Reference) -> None:
    """Whoever follows the outbox and looks up the texts that live ends with exactly the living messages."""
    index: set[Candidate] = set()
    for entry in await log.entries():
        learn(index, entry)
    living = {
        Candidate(name, thread.incarnation, each.seq)
        for name, thread in reference.threads.items()
        for each in thread.messages
    }
    candidates = sorted(index, key=lambda each: (each.incarnation, each.seq))
    texts = await log.outbox.texts(candidates)
    assert living <= index
    assert {live.candidate for live in texts if live} == living
    checked = await log.store.check(candidates, Audience(any_owner=True), before=0, after=0)
    assert [each is not None for each in checked] == [each in living for each in candidates]


def learn(index: set[Candidate], entry: OutboxEntry) -> None:
    """What one entry does to the set of indexed messages."""
    for candidate in list(index):
        same = candidate.incarnation == entry.incarnation
        gone = same and (entry.kind == "gone" or candidate.seq <= entry.cut or candidate.seq in entry.seqs)
        if gone or candidate.incarnation == entry.dead:
            index.discard(candidate)
    if entry.kind == "add":
        seqs = range(entry.first, entry.last + 1)
        index.update(Candidate(entry.thread, entry.incarnation, seq) for seq in seqs if seq > entry.cut)


def test_the_reference_itself_windows_as_the_semantics_say() -> None:
    reference = Reference(POLICY)
    reference.apply(Configure("a", Settings(max_messages=1), "replace"))
    roles_of: tuple[Role, ...] = ("assistant", "tool", "system", "user")
    answer = reference.apply(Append("a", tuple(Draft(role, b"", 1) for role in roles_of)))

    assert (answer["evicted"], answer["total"]) == (2, 2)
