"""The grammar of names: matched in full, never repaired; and keys that cannot meet."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from memory_service.keys import Keys, parse_message_id, partition, valid_owner, valid_thread
from memory_service.model.values import PARTITIONS

THREAD_CHARACTERS = "ABCxyz019_:-@."


@pytest.mark.parametrize("text", ["a", "user:42", "a@b.c", "a" * 255, "a__b", "_a_", "-", ".a", "a.", "_", ":"])
def test_a_thread_id_of_the_allowed_characters_is_valid(text: str) -> None:
    assert valid_thread(text)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "a" * 256,
        "__a",
        "a__",
        "__",
        ".",
        "..",
        "...",
        "a b",
        "a/b",
        "a\n",
        "\na",
        "ä",
        "a*",
        "a\u200b",
        "a|b",
        "٣",
        "a\x00",
    ],
)
def test_a_thread_id_of_anything_else_is_not(text: str) -> None:
    assert not valid_thread(text)


@pytest.mark.parametrize("text", ["ada|1", "a+b=c~d", "system:serviceaccount:ns:name", "__", "a" * 255])
def test_an_owner_has_more_characters(text: str) -> None:
    assert valid_owner(text)


@pytest.mark.parametrize("text", ["", "a" * 256, "a b", "a/b", "a\n", "ö"])
def test_an_owner_of_anything_else_is_not_valid(text: str) -> None:
    assert not valid_owner(text)


@pytest.mark.parametrize(
    ("text", "numbers"), [("1-1", (1, 1)), ("8-200", (8, 200)), ("281474976710655-1", (281474976710655, 1))]
)
def test_a_message_id_is_two_numbers(text: str, numbers: tuple[int, int]) -> None:
    assert parse_message_id(text) == numbers


@pytest.mark.parametrize(
    "text", ["", "1", "-", "1-", "-1", "0-1", "1-0", "01-1", "1-1 ", "1-1-1", "²-1", "1-1\n", "1" * 40 + "-1"]
)
def test_what_is_no_message_id_is_none(text: str) -> None:
    assert parse_message_id(text) is None


@given(st.text(THREAD_CHARACTERS, min_size=1, max_size=30))
def test_a_thread_always_has_the_same_partition(thread: str) -> None:
    assert 0 <= partition(thread) < PARTITIONS
    assert partition(thread) == partition(str(thread.encode(), "ascii"))


def test_threads_spread_over_all_partitions() -> None:
    assert {partition(f"user:{number}") for number in range(50)} == set(range(PARTITIONS))


@given(
    st.tuples(
        st.sampled_from(["ns", "ns-a", "n"]), st.sampled_from(["a", "a-b", "b"]), st.text(THREAD_CHARACTERS, min_size=1)
    ),
    st.tuples(
        st.sampled_from(["ns", "ns-a", "n"]), st.sampled_from(["a", "a-b", "b"]), st.text(THREAD_CHARACTERS, min_size=1)
    ),
)
def test_keys_of_different_threads_or_kinds_never_meet(one: tuple[str, str, str], other: tuple[str, str, str]) -> None:
    def keys(place: tuple[str, str, str]) -> dict[str, str]:
        made = Keys.of(place[0], place[1])
        return {
            kind: made.key(kind, place[2])
            for kind in ("header", "log", "system", "settings", "document", "due", "owned")
        }

    mine, theirs = keys(one), keys(other)
    assert len(set(mine.values())) == len(mine)
    if one != other:
        assert not set(mine.values()) & set(theirs.values())
    assert all(key.startswith(f"{{{one[0]}/{one[1]}}}:") for key in mine.values())
