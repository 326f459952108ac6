"""PURE: which Memory of a tenant is in force, with which definition, and what is wrong with the others.

| the Memory is              | its entry                                            | its problem          |
|-----------------------------|------------------------------------------------------|----------------------|
| valid                       | active, this generation                              |                      |
| not valid, was valid before | active, the last good generation                     | Invalid and the like |
| not valid, never was        | none                                                 | Invalid and the like |
| late with a taken id        | none                                                 | IdTaken              |
| going, policy Delete        | erase, until every pod agrees that nothing remains   | Erasing              |
| going, or gone, Retain      | retained                                             |                      |
| gone by force, Delete       | erase, until proven                                  |                      |

The last good definition is the one in the live ConfigMaps, so a bad edit survives a restart of the operator too.
"""

from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Final

import msgspec
from memory_crd import definitions, names
from memory_crd.definitions import Entry
from memory_crd.errors import InvalidMemory
from memory_crd.memory import LOCAL_DIMENSIONS, Memory, Spec, resolve_embedder
from memory_crd.references import EnvRef, SecretRef
from memory_crd.status import Reason

from memory_operator.kinds import CONFIG_MAP, Manifest
from memory_operator.observed import Inventory, is_leaving
from memory_operator.reports import PodReport

DELETE: Final = "Delete"


@dataclass(frozen=True)
class Problem:
    """Why a Memory is not in force as it is written. `stalled`: only an edit helps; otherwise it passes by itself."""

    reason: Reason
    message: str
    stalled: bool = True


@dataclass(frozen=True)
class Member:
    """One Memory resource: what it declares, what the service is told about it, and what is wrong."""

    manifest: Manifest
    memory: Memory | None
    entry: Entry | None
    problem: Problem | None = None

    @property
    def name(self) -> str:
        return str(self.manifest["metadata"]["name"])

    @property
    def uid(self) -> str:
        return str(self.manifest["metadata"]["uid"])

    @property
    def generation(self) -> int:
        return int(self.manifest["metadata"].get("generation") or 1)

    @property
    def memory_id(self) -> str:
        """The id that the resource claims; empty when it says none that can be read."""
        if self.memory:
            return self.memory.spec.id
        return self.entry.id if self.entry else str((self.manifest.get("spec") or {}).get("id") or self.name)

    @property
    def leaving(self) -> bool:
        return is_leaving(self.manifest)

    @property
    def guarded(self) -> bool:
        """Whether our finalizer holds the resource."""
        return names.FINALIZER in (self.manifest["metadata"].get("finalizers") or ())

    @property
    def deletes(self) -> bool:
        """Whether its data is to be erased when it goes; read from the raw manifest, which may not be valid."""
        return (self.manifest.get("spec") or {}).get("deletionPolicy") == DELETE

    @property
    def abandoned(self) -> bool:
        """Whether somebody gave its data up, so that nothing waits for an erasure."""
        return (self.manifest["metadata"].get("annotations") or {}).get(names.ANNOTATION_ABANDON_DATA) == "true"


@dataclass(frozen=True)
class Holder:
    """Who has an id, and whether it is on its way out."""

    name: str
    leaving: bool


@dataclass(frozen=True)
class Endpoint:
    """A URL that a definition makes the service call, and where its credential is; `path` is its place in the spec."""

    url: str
    api_key: SecretRef | EnvRef | None
    path: str


@dataclass(frozen=True)
class Roster:
    """The Memories of a tenant and the definitions that follow from them."""

    members: tuple[Member, ...]
    entries: tuple[Entry, ...]
    adopted: tuple[Member, ...] = ()
    """Members that take over the retained data of an earlier Memory of the same id, from now on."""
    digest: str = ""
    """Hash of the entries: what the pods are prompted with and answer."""
    previous: tuple[Entry, ...] = ()
    """The live entries, as they were before this pass."""

    @cached_property
    def endpoints(self) -> tuple[Endpoint, ...]:
        """What the definitions that are served call besides their stores: embedders and summarizers."""
        found: list[Endpoint] = []
        for entry in self.entries:
            with suppress(InvalidMemory):  # an entry of another version of the operator: the service says so too
                found += _endpoints(entry.spec) if entry.state == "active" else ()
        return tuple(found)


def live_entries(inventory: Inventory) -> tuple[Entry, ...]:
    """Return the entries in the tenant's definitions ConfigMaps; what cannot be read counts as absent."""
    found: list[Entry] = []
    for name in names.DEFINITION_CONFIG_MAPS:
        child = inventory.child(CONFIG_MAP.name, name)
        for text in ((child or {}).get("data") or {}).values():
            try:
                found.append(definitions.of_document(msgspec.json.decode(text)))
            except (msgspec.DecodeError, InvalidMemory):
                continue
    return tuple(found)


def proven(uid: str, digest: str, reports: Iterable[PodReport]) -> bool:
    """Tell whether a memory's data is gone: every pod serves these definitions, and one erased it and looked again."""
    told = list(reports)
    agree = bool(told) and all(report.digest == digest for report in told)
    return agree and any(uid in report.memories and report.memories[uid].erased for report in told)


def enrol(inventory: Inventory, reports: Iterable[PodReport]) -> Roster:
    """Return the roster of a tenant."""
    live = {entry.uid: entry for entry in live_entries(inventory)}
    told, before = tuple(reports), definitions.digest(live.values())
    erased = {uid for uid, entry in live.items() if entry.state == "erase" and proven(uid, before, told)}
    present = {str(manifest["metadata"]["uid"]) for manifest in inventory.memories}
    gone = [_departed(entry) for uid, entry in live.items() if uid not in present | erased]

    members: list[Member] = []
    holders = {entry.id: Holder(entry.name, leaving=True) for entry in gone if entry.state == "erase"}
    for manifest in sorted(inventory.memories, key=lambda one: _seniority(one, live)):
        uid = str(manifest["metadata"]["uid"])
        member = _enrol_one(Member(manifest, None, live.get(uid)), holders, erased=uid in erased)
        if member.memory_id and not (member.problem and member.problem.reason is Reason.ID_TAKEN):
            holders.setdefault(member.memory_id, Holder(member.name, member.leaving))
        members.append(member)
    return _settle(members, gone, live)


def _settle(members: list[Member], gone: list[Entry], live: Mapping[str, Entry]) -> Roster:
    """Put the entries together: an active one takes over from a retained one of its id, and all must fit."""
    mine = {member.entry.id for member in members if member.entry}
    past = [entry for entry in gone if entry.id not in mine]
    _, excess = definitions.within_budget([*past, *(member.entry for member in members if member.entry)])
    members = [_shortened(member, live) if member.entry in excess else member for member in members]
    entries = [*past, *(member.entry for member in members if member.entry)]
    retained = {entry.id for entry in live.values() if entry.state == "retained"}
    adopted = [
        m for m in members if m.entry and m.entry.state == "active" and m.uid not in live and m.entry.id in retained
    ]
    ordered = tuple(sorted(entries, key=lambda entry: entry.id))
    return Roster(tuple(members), ordered, tuple(adopted), definitions.digest(ordered), tuple(live.values()))


def _departed(entry: Entry) -> Entry:
    """The entry of a Memory that is gone: an erasure goes on, and Delete holds even if the finalizer was removed."""
    erases = entry.state == "erase" or (entry.state == "active" and entry.definition.get("deletionPolicy") == DELETE)
    return replace(entry, state="erase" if erases else "retained")


def _seniority(manifest: Manifest, live: Mapping[str, Entry]) -> tuple[bool, str, str]:
    """Who comes first: whoever is served already, then the oldest, then by name."""
    metadata = manifest["metadata"]
    served = metadata["uid"] in live and live[metadata["uid"]].state == "active"
    return not served, str(metadata.get("creationTimestamp") or ""), metadata["name"]


def _enrol_one(member: Member, holders: Mapping[str, Holder], *, erased: bool) -> Member:
    """Judge one resource; `member.entry` is its live entry, if any."""
    if member.leaving:
        return _leave(member, erased=erased)
    member = replace(member, entry=member.entry if member.entry and member.entry.state == "active" else None)
    try:
        memory = Memory.parse(member.manifest)
    except InvalidMemory as error:
        return replace(member, problem=Problem(Reason.INVALID, "; ".join(str(fault) for fault in error.faults)))
    member = replace(member, memory=memory)
    holder = holders.get(memory.spec.id)
    if holder is not None:
        return replace(member, entry=None, problem=_taken(memory.spec.id, holder))
    problem = _unservable(memory)
    return replace(member, problem=problem) if problem else replace(member, entry=definitions.of_memory(memory))


def _leave(member: Member, *, erased: bool) -> Member:
    """A Memory on its way out: erased if it says so, else retained."""
    if member.entry is None or (erased and not member.guarded):
        return replace(member, entry=None)
    if member.deletes and not member.abandoned:
        return replace(
            member,
            entry=replace(member.entry, state="erase"),
            problem=Problem(Reason.ERASING, "the service is erasing its data", stalled=False),
        )
    return replace(member, entry=replace(member.entry, state="retained"))


def _taken(memory_id: str, holder: Holder) -> Problem:
    if holder.leaving:
        return Problem(
            Reason.ID_TAKEN,
            f"id {memory_id!r} is free once Memory {holder.name!r}, which is being deleted, is gone",
            stalled=False,
        )
    return Problem(Reason.ID_TAKEN, f"id {memory_id!r} belongs to Memory {holder.name!r}: choose another spec.id")


def _unservable(memory: Memory) -> Problem | None:
    """What no schema could refuse and no service could serve; None when all is well."""
    spec = memory.spec
    if spec.unsupported:
        listed = "; ".join(f"/spec{path}: {remedy}" for path, remedy in spec.unsupported)
        return Problem(Reason.UNSUPPORTED_CONFIG, listed)
    if spec.template_fault:
        return Problem(Reason.INVALID_TEMPLATE, f"/spec/options/workingMemory/template: {spec.template_fault}")
    if spec.schema_fault:
        return Problem(Reason.INVALID_SCHEMA, f"/spec/options/workingMemory/schema: {spec.schema_fault}")
    if spec.pattern_fault:
        path, fault = spec.pattern_fault
        return Problem(Reason.INVALID_PATTERN, f"/spec{path}: {fault}")
    embedder = resolve_embedder(spec)
    if embedder and embedder.use == "local" and spec.vector.dimensions != LOCAL_DIMENSIONS:
        return Problem(
            Reason.DIMENSIONS_MISMATCH,
            f"/spec/vector/dimensions: the local embedder needs {LOCAL_DIMENSIONS}, not {spec.vector.dimensions}",
        )
    for endpoint in _endpoints(spec):
        if isinstance(endpoint.api_key, SecretRef) and endpoint.api_key.name == names.SECRETS_ENV_FOLDER:
            reserved = f"{names.SECRETS_ENV_FOLDER!r} is reserved, rename the Secret"
            return Problem(Reason.UNSUPPORTED_CONFIG, f"/spec{endpoint.path}/secretRef/name: {reserved}")
    return None


def _endpoints(spec: Spec) -> list[Endpoint]:
    """The endpoints of a definition, defaults filled in."""
    embedder, flushing = resolve_embedder(spec), spec.options.flushing
    found: list[Endpoint] = []
    if embedder and embedder.url:
        found.append(Endpoint(embedder.url, embedder.api_key, "/embedder/config"))
    if flushing and flushing.summarizer:
        summarizer = flushing.summarizer
        found.append(Endpoint(summarizer.url, summarizer.api_key, "/options/flushing/summarizer"))
    return found


def _shortened(member: Member, live: Mapping[str, Entry]) -> Member:
    """A Memory whose definition does not fit: the last good one stays, which does fit."""
    problem = Problem(
        Reason.DEFINITIONS_TOO_LARGE,
        "its definition no longer fits beside those of the other Memories of this namespace: shorten its working-memory"
        " template or schema, or move it to another namespace",
    )
    return replace(member, entry=live.get(member.uid), problem=problem)
