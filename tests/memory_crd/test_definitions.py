"""Definitions travel through ConfigMaps and files unchanged, and what cannot be read is said by name."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path
from typing import Any

import pytest
from memory_crd import definitions, names
from memory_crd.definitions import Entry
from memory_crd.errors import InvalidMemory
from memory_crd.memory import Memory


def memory(name: str = "notes", **spec: Any) -> Memory:
    document = {"vector": {"use": "qdrant", "dimensions": 384}} | spec
    return Memory.parse({"metadata": {"name": name, "namespace": "shop", "uid": f"u-{name}"}, "spec": document})


def entry(name: str = "notes", **spec: Any) -> Entry:
    return definitions.of_memory(memory(name, **spec))


def written(folder: Path, *entries: Entry) -> Path:
    """A folder as the kubelet projects it: every file of every shard, behind `..data`."""
    data = folder / "..2026_01_01"
    data.mkdir(parents=True)
    (folder / "..data").symlink_to(data.name)
    for texts in definitions.dump(entries).values():
        for filename, text in texts.items():
            (data / filename).write_text(text)
            (folder / filename).symlink_to(Path("..data", filename))
    return folder


# --- writing ----------------------------------------------------------------------------------------------------------


def test_an_entry_goes_to_the_shard_of_its_id_under_its_name() -> None:
    dumped = definitions.dump([entry("notes")])

    assert len(dumped) == 16
    assert list(dumped[definitions.shard("notes")]) == ["notes.json"]
    assert sum(len(texts) for texts in dumped.values()) == 1


def test_the_shard_of_an_id_never_changes() -> None:
    assert [definitions.shard(each) for each in ("support-agent", "notes", "a")] == [7, 9, 11]


def test_ids_spread_over_all_shards() -> None:
    assert {definitions.shard(f"memory-{number}") for number in range(200)} == set(range(16))


def test_an_entry_is_written_with_its_id_and_every_default() -> None:
    text = definitions.dump([entry("notes")])[definitions.shard("notes")]["notes.json"]

    document = json.loads(text)
    assert (document["uid"], document["generation"], document["state"], document["name"]) == (
        "u-notes",
        1,
        "active",
        "notes",
    )
    assert document["definition"]["id"] == "notes"
    assert document["definition"]["options"]["lastMessages"] == 10


def test_two_entries_of_one_id_cannot_be_written() -> None:
    with pytest.raises(ValueError, match="'notes'"):
        definitions.dump([entry("notes"), dataclasses.replace(entry("notes"), state="retained", uid="old")])


def test_the_digest_ignores_order_and_notices_every_change() -> None:
    one, two = entry("one"), entry("two")

    assert definitions.digest([one, two]) == definitions.digest([two, one])
    assert definitions.digest([one, two]) != definitions.digest([one])
    assert definitions.digest([one]) != definitions.digest([dataclasses.replace(one, state="retained")])
    assert definitions.digest([one]) != definitions.digest([dataclasses.replace(one, generation=2)])


def test_entries_beyond_the_budget_of_their_config_map_are_told_apart() -> None:
    bulky = {"workingMemory": {"template": "x" * 16_000}}
    ids = [f"m{number}" for number in range(2000) if definitions.shard(f"m{number}") == 0][:80]
    entries = [entry(each, options=bulky) for each in ids]

    fitting, excess = definitions.within_budget(entries)

    assert fitting == entries[: len(fitting)]
    assert fitting and excess
    assert sum(map(len, definitions.dump(fitting)[0].values())) <= definitions.SHARD_BYTES


# --- reading ----------------------------------------------------------------------------------------------------------


def test_a_projected_folder_is_read_back_as_it_was_written(tmp_path: Path) -> None:
    entries = [entry("one", storage={"use": "redis"}), dataclasses.replace(entry("two"), state="retained")]

    loaded = definitions.load(written(tmp_path / "definitions", *entries))

    assert list(loaded.entries) == entries
    assert loaded.digest == definitions.digest(entries)
    assert loaded.faults == ()


def test_a_volume_that_was_replaced_while_it_was_read_is_read_again() -> None:
    links = iter(["one", "two", "two", "two"])
    contents = iter(["half of one, half of two", "two"])

    assert definitions._settled(lambda: next(contents), lambda: next(links)) == "two"


def test_an_entry_gives_its_memory_back() -> None:
    assert entry("notes", storage={"use": "redis"}).memory("shop") == memory("notes", storage={"use": "redis"})


def test_an_empty_folder_declares_nothing(tmp_path: Path) -> None:
    loaded = definitions.load(tmp_path)

    assert loaded.entries == ()
    assert loaded.digest == definitions.digest([])


def test_a_path_that_is_not_there_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match="no definitions"):
        definitions.load(tmp_path / "absent")


def test_a_file_may_hold_several_manifests_and_other_kinds(tmp_path: Path) -> None:
    file = tmp_path / "all.yaml"
    file.write_text(
        "kind: MemoryTenant\nmetadata: {name: default}\n---\n"
        "kind: Memory\nmetadata: {name: one}\nspec: {vector: {use: qdrant, dimensions: 384}}\n---\n"
        "# nothing here\n---\n"
        "kind: Memory\nmetadata: {name: two}\nspec: {id: other, vector: {use: in-memory, dimensions: 8}}\n"
    )

    loaded = definitions.load(file)

    assert [(each.id, each.uid, each.generation) for each in loaded.entries] == [
        ("one", "local-one", 1), ("other", "local-other", 1),
    ]  # fmt: skip
    assert loaded.faults == ()


@pytest.mark.parametrize("name", ["memory.json", "memory.yaml"])
def test_a_plain_memory_json_is_a_definition_too(tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_text(
        '{"id": "plain", "vector": {"use": "compozy/vector:qdrant", "dimensions": 384, "config": {}}}'
    )

    loaded = definitions.load(tmp_path)

    assert [(each.id, each.uid, each.state) for each in loaded.entries] == [("plain", "local-plain", "active")]


def test_a_bad_definition_is_left_out_and_named_while_the_others_load(tmp_path: Path) -> None:
    folder = written(tmp_path / "definitions", entry("good"), entry("bad"))
    document = json.loads((folder / "bad.json").read_text())
    document["definition"]["vector"]["use"] = "pinecone"
    (folder / "bad.json").write_text(json.dumps(document))

    loaded = definitions.load(folder)

    assert [each.id for each in loaded.entries] == ["good"]
    assert [fault.path for fault in loaded.faults] == ["bad.json/vector/use"]


def test_the_digest_covers_what_this_version_cannot_read_so_that_it_agrees_with_the_writer_s(tmp_path: Path) -> None:
    newer = dataclasses.replace(entry("newer"), definition={**entry("newer").definition, "window": {"messages": 5}})

    loaded = definitions.load(written(tmp_path / "definitions", entry("good"), newer))

    assert [each.id for each in loaded.entries] == ["good"]
    assert loaded.digest == definitions.digest([entry("good"), newer])


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("{", "cannot be read"),
        ("[]", "must be an object"),
        ('"text"', "must be an object"),
        ('{"definition": {}}', "must be a string"),
        ('{"definition": 5, "uid": "u", "name": "n", "generation": 1, "state": "odd"}', "must be one of active"),
        ('{"id": "a"}', "is required"),
        ('{"kind": "Memory"}', "must have"),
    ],
    ids=["broken", "list", "string", "empty entry", "odd entry", "no vector", "no name"],
)
def test_a_file_that_is_no_definition_is_named(tmp_path: Path, text: str, told: str) -> None:
    (tmp_path / "odd.json").write_text(text)

    loaded = definitions.load(tmp_path)

    assert loaded.entries == ()
    assert all(fault.path.startswith("odd.json") for fault in loaded.faults)
    assert told in str([fault.message for fault in loaded.faults])


def test_a_file_that_is_not_utf_8_is_named(tmp_path: Path) -> None:
    (tmp_path / "odd.yaml").write_bytes(b"\xff\xfe")

    assert [fault.path for fault in definitions.load(tmp_path).faults] == ["odd.yaml"]


def test_the_first_of_two_files_with_one_id_wins(tmp_path: Path) -> None:
    for name, dimensions in (("a.json", 384), ("b.json", 8)):
        document = {"id": "same", "vector": {"use": "qdrant", "dimensions": dimensions}}
        (tmp_path / name).write_text(json.dumps(document))

    loaded = definitions.load(tmp_path)

    assert [each.spec.vector.dimensions for each in loaded.entries] == [384]
    assert [(fault.path, "already taken" in fault.message) for fault in loaded.faults] == [("b.json", True)]


def test_other_files_and_hidden_ones_are_left_alone(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("not a definition")
    (tmp_path / ".hidden.json").write_text("{")
    (tmp_path / "folder.json").mkdir()

    assert definitions.load(tmp_path).faults == ()


def test_an_entry_without_its_parts_is_refused() -> None:
    with pytest.raises(InvalidMemory) as refused:
        definitions.of_document({"definition": {"id": "a"}})

    assert [fault.path for fault in refused.value.faults] == ["/uid", "/name", "/generation", "/state"]


def test_config_maps_and_shards_have_the_same_count() -> None:
    assert len(definitions.dump([])) == len(names.DEFINITION_CONFIG_MAPS)


NO_DEFINITIONS = {
    "nested.json": b"[" * 10_000,
    "nested.yaml": b"[" * 2_000,
    "number.yaml": b"id: a\nvector: {use: qdrant, dimensions: " + b"9" * 5000 + b"}",
    "circle.yaml": b"id: a\nvector: {use: qdrant, dimensions: 3}\noptions: {workingMemory: {schema: &a {x: *a}}}",
    "keys.yaml": b"id: a\nvector: {use: qdrant, dimensions: 3}\noptions: {workingMemory: {schema: {x: {1: 2}}}}",
    "circle-of-one.yaml": b"&a [*a]",
    "utf16.json": '{"id": "a"}'.encode("utf-16"),
    "zero.json": b"\x00",
    "bomb.yaml": b"a: &a [x]\n"
    + b"".join(b"%c: &%c [%s]\n" % (98 + n, 98 + n, b"*%c," % (97 + n) * 9) for n in range(9)),
    "tag.yaml": b"!!python/object:os.system x",
    "list.json": b"[1, 2]",
    "infinite.yaml": b"id: a\nvector: {use: qdrant, dimensions: .inf}",
    "path.json": b'{"uid":"u","name":"n","generation":1,"state":"active","definition":{"id":"../../x"}}',
}


@pytest.mark.parametrize("name", NO_DEFINITIONS)
def test_a_file_that_holds_no_definition_is_a_fault_and_hides_no_other(tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_bytes(NO_DEFINITIONS[name])
    (tmp_path / "notes.json").write_text(definitions.canonical(entry("notes")))

    loaded = definitions.load(tmp_path)

    assert [each.id for each in loaded.entries] == ["notes"]
    assert any(name in fault.path or "x.json" in fault.path for fault in loaded.faults)
