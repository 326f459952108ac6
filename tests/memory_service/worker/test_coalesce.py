"""Coalescing: the same effect as entry by entry, with less work."""

from collections.abc import Iterable

from hypothesis import given
from hypothesis import strategies as st
from memory_service.model.outbox import OutboxEntry
from memory_service.model.search import Candidate, Removals
from memory_service.worker.coalesce import Work, coalesce

Points = dict[tuple[int, int], str | None]
"""(incarnation, seq) -> owner, as a vector store would have them."""


def entry(number: int, kind: str, g: int = 1, **rest: object) -> OutboxEntry:
    return OutboxEntry(f"{number}-0", number, kind, f"t{g}", g, **rest)


def one_by_one(entries: Iterable[OutboxEntry]) -> Points:
    """The plain meaning of each entry."""
    points: Points = {}
    owners: dict[int, str | None] = {}
    for each in entries:
        g = each.incarnation
        if each.kind == "add":
            points |= {(g, seq): owners.get(g) for seq in range(each.first, each.last + 1)}
        if each.kind == "owner":
            owners[g] = each.owner
        dead = {each.dead} if each.kind == "add" and each.dead else {g} if each.kind == "gone" else set()
        points = {
            key: each.owner if each.kind == "owner" and key[0] == g else owner
            for key, owner in points.items()
            if key[0] not in dead
            and not (key[0] == g and key[1] <= each.cut)
            and not (key[0] == g and each.kind == "remove" and key[1] in each.seqs)
        }
    return points


def at_once(points: Points, work: Work, owners: dict[int, str]) -> Points:
    """What the indexer does with coalesced work: removals, owners, then additions with the owner of now."""
    removed = {(each.incarnation, each.seq) for each in work.removals.candidates}
    cuts, set_owners = dict(work.removals.cuts), dict(work.removals.owners)
    left = {
        key: set_owners.get(key[0], owner)
        for key, owner in points.items()
        if key[0] not in work.removals.gone and key not in removed and key[1] > cuts.get(key[0], 0)
    }
    return left | {(each.incarnation, each.seq): owners.get(each.incarnation) for each in work.added}


@st.composite
def histories(draw: st.DrawFn) -> list[OutboxEntry]:
    """A log as the store writes it: seqs rise, a dead incarnation never comes back, an owner is set once."""
    entries: list[OutboxEntry] = []
    alive: dict[int, int] = {}
    cuts: dict[int, int] = {}
    owned: set[int] = set()
    next_g = 1
    for number in range(1, draw(st.integers(1, 25)) + 1):
        kinds = ["create"] + (["add", "remove", "cut", "gone", "owner", "recreate"] if alive else [])
        kind = draw(st.sampled_from(kinds))
        g = draw(st.sampled_from(sorted(alive))) if alive else 0
        if kind in ("create", "recreate"):
            dead = g if kind == "recreate" else 0
            alive.pop(dead, None)
            last = draw(st.integers(1, 3))
            alive[next_g] = last
            entries.append(entry(number, "add", next_g, first=1, last=last, dead=dead))
            next_g += 1
        elif kind == "add":
            first, last = alive[g] + 1, alive[g] + draw(st.integers(1, 4))
            cut = draw(st.integers(cuts.get(g, 0), last))
            alive[g], cuts[g] = last, cut
            entries.append(entry(number, "add", g, first=first, last=last, cut=cut))
        elif kind == "remove":
            seqs = tuple(sorted(draw(st.sets(st.integers(1, alive[g]), min_size=1, max_size=3))))
            entries.append(entry(number, "remove", g, seqs=seqs))
        elif kind == "cut":
            cuts[g] = draw(st.integers(cuts.get(g, 0), alive[g]))
            entries.append(entry(number, "cut", g, cut=cuts[g]))
        elif kind == "owner" and g not in owned:
            owned.add(g)
            entries.append(entry(number, "owner", g, owner=f"o{g}"))
        elif kind == "gone":
            del alive[g]
            entries.append(entry(number, "gone", g))
    return entries


@given(history=histories(), cut_at=st.floats(0, 1), replays=st.integers(0, 2))
def test_coalesced_work_ends_where_the_entries_one_by_one_end(
    history: list[OutboxEntry], cut_at: float, replays: int
) -> None:
    """Also in two runs, and when a crash makes each run happen several times."""
    if not history:
        return
    final = {each.incarnation: each.owner for each in history if each.kind == "owner"}
    expected = one_by_one(history)
    split = round(len(history) * cut_at)
    points: Points = {}
    for run in (history[:split], history[split:]):
        for _ in range(replays + 1 if run else 0):
            points = at_once(points, coalesce(run), final)
    # A crash may leave a message that a later run removes; at the end nothing differs, owners included.
    assert points == expected


def test_what_dies_within_a_run_is_never_added() -> None:
    work = coalesce([entry(1, "add", first=1, last=5), entry(2, "remove", seqs=(2,)), entry(3, "cut", cut=3)])
    assert work == Work(Removals(cuts=((1, 3),)), (Candidate("t1", 1, 4), Candidate("t1", 1, 5)), "3-0")


def test_a_thread_that_went_needs_one_removal_and_nothing_else() -> None:
    work = coalesce(
        [
            entry(1, "add", first=1, last=5),
            entry(2, "owner", owner="ann"),
            entry(3, "remove", seqs=(2,)),
            entry(4, "add", g=9, first=1, last=1, dead=1),
        ]
    )
    assert work == Work(Removals(gone=(1,)), (Candidate("t9", 9, 1),), "4-0")
