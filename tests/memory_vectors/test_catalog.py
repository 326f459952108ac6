"""The folder of everything, after interrupted changes and for one process only."""

from pathlib import Path

import pytest
from memory_vectors import files, names, wire
from memory_vectors.catalog import Catalog, StorageInUse
from memory_vectors.collection import Collection
from memory_vectors.errors import BadInput, BadRequest, FormatError, NotFound
from memory_vectors.limits import Limits
from memory_vectors.schema import Dense, Schema

SCHEMA = Schema({"dense": Dense(2, "Dot")}, {})


@pytest.fixture
def catalog(tmp_path: Path):
    opened = Catalog(tmp_path)
    yield opened
    opened.close()


def create_alias(collection: str, alias: str) -> wire.AliasAction:
    return wire.AliasAction(create_alias=wire.CreateAlias(collection, alias))


def reopened(catalog: Catalog, storage: Path) -> Catalog:
    catalog.close()
    return Catalog(storage)


def test_a_folder_has_one_process(catalog, tmp_path):
    with pytest.raises(StorageInUse, match="another process serves"):
        Catalog(tmp_path)


def test_a_half_made_collection_is_gone_after_a_restart(tmp_path):
    catalog = Catalog(tmp_path)
    Collection.create(tmp_path / "pending" / "draft", "half", SCHEMA)
    catalog = reopened(catalog, tmp_path)
    assert len(catalog) == 0
    assert list((tmp_path / "pending").iterdir()) == []
    catalog.close()


def test_a_half_deleted_collection_is_gone_after_a_restart_with_its_aliases(tmp_path):
    """The move out of the home folder is the moment of deletion; what comes after it may be lost."""
    catalog = Catalog(tmp_path)
    catalog.create("notes", SCHEMA)
    catalog.change_aliases([create_alias("notes", "current")])
    catalog.close()
    files.move(tmp_path / "collections" / names.folder("notes"), tmp_path / "pending" / "tombstone")

    catalog = Catalog(tmp_path)
    assert not catalog.has("current")
    assert list((tmp_path / "pending").iterdir()) == []
    catalog.close()


def test_alias_changes_happen_all_or_not_at_all(catalog, tmp_path):
    catalog.create("notes", SCHEMA)
    with pytest.raises(NotFound):
        catalog.change_aliases([create_alias("notes", "current"), create_alias("missing", "other")])
    assert catalog.aliases() == []
    with pytest.raises(FormatError, match="each is one of"):
        catalog.change_aliases([wire.AliasAction()])


def test_names_that_look_alike_on_disk_are_different_collections(catalog):
    odd = ["a b", "a-b", "..", ".", "ä", "A-B", "x" * 255]
    for name in odd:
        catalog.create(name, SCHEMA)
    assert sorted(collection.name for collection in catalog) == sorted(odd)


def test_there_is_a_largest_number_of_collections(tmp_path):
    catalog = Catalog(tmp_path, Limits(collections=2))
    catalog.create("one", SCHEMA)
    catalog.create("two", SCHEMA)
    with pytest.raises(BadInput, match="Max collections limit reached: 2"):
        catalog.create("three", SCHEMA)
    catalog.close()


def test_there_is_a_largest_number_of_alias_actions(tmp_path):
    catalog = Catalog(tmp_path, Limits(alias_actions=1))
    with pytest.raises(BadRequest, match='2 > 1 for "actions"'):
        catalog.change_aliases([wire.AliasAction(), wire.AliasAction()])
    catalog.close()


def test_one_broken_collection_does_not_stop_the_others(tmp_path):
    catalog = Catalog(tmp_path)
    catalog.create("broken", SCHEMA)
    catalog.create("sound", SCHEMA)
    catalog.close()
    for file in (tmp_path / "collections" / names.folder("broken")).rglob("segment.json"):
        file.write_text("{")

    catalog = Catalog(tmp_path)
    assert {collection.name: collection.fault is None for collection in catalog} == {"broken": False, "sound": True}
    assert catalog.delete("broken") is not None
    catalog.create("broken", SCHEMA)
    assert catalog.get("broken").fault is None
    catalog.close()
