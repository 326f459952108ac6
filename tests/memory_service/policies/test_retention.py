"""The arithmetic of expiry that decides whether a read needs a script."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
from memory_crd.eviction import Flushing, Window
from memory_crd.options import Limits, Options, Ttl
from memory_service.policies.retention import Policy, grain, would_move

HOUR = 3_600_000
NOW = 1_800_000_000_000


def test_a_policy_is_the_options_in_plain_numbers() -> None:
    options = Options(
        ttl=Ttl(after_ms=HOUR, max_age_ms=None, refresh="read", required=True),
        limits=Limits(thread_messages=7, threads=3, bytes=None),
    )

    assert Policy.of(options) == Policy(
        ttl_ms=HOUR, max_age_ms=0, refresh="read", required=True, thread_messages=7, threads=3, bytes=0
    )
    assert Policy.of(Options()) == Policy()


def test_a_policy_says_from_which_sizes_a_thread_is_flushed() -> None:
    flushing = Flushing("simple_fifo", max_messages=20_000, max_tokens=10, threshold=0.75)
    policy = Policy.of(Options(flushing=flushing))

    assert (policy.flush_messages, policy.flush_tokens, policy.thread_messages) == (15_000, 8, 20_000)
    assert [policy.flush_due(*size) for size in ((14_999, 7), (15_000, 0), (0, 8))] == [False, True, True]
    assert (policy.window(5), Policy.of(Options(window=Window(3))).window(0)) == (0, 3)


@given(st.integers(1, 10**13))
def test_an_expiry_moves_at_most_1024_times_in_a_ttl(ttl: int) -> None:
    assert grain(ttl) >= 1_000
    assert grain(ttl) * 1_024 >= ttl
    assert grain(ttl) <= max(1_000, ttl / 1_024 + 1)


@given(st.integers(1, 10**10), st.integers(0, 10**10), st.integers(0, 2 * 10**10), st.integers(0, 10**11))
def test_a_refresh_moves_only_what_it_would_push_further(ttl: int, age: int, left: int, max_age: int) -> None:
    policy = Policy(ttl_ms=ttl, max_age_ms=max_age)
    created, expires = NOW - age, NOW + left + 1
    if would_move(policy, now=NOW, created=created, expires=expires, ttl_ms=ttl):
        assert expires < NOW + ttl + grain(ttl)
        assert max_age == 0 or expires < created + max_age
    elif max_age == 0:
        assert expires >= NOW + ttl


def test_no_expiry_is_the_furthest_unless_one_is_required() -> None:
    assert not would_move(Policy(ttl_ms=HOUR), now=NOW, created=NOW, expires=0, ttl_ms=HOUR)
    assert would_move(Policy(ttl_ms=HOUR, required=True), now=NOW, created=NOW, expires=0, ttl_ms=HOUR)
    assert not would_move(Policy(), now=NOW, created=NOW, expires=NOW + 1, ttl_ms=0)
