"""Names that keep clusters apart."""

from pathlib import Path

import pytest

from e2e.cluster.errors import ClusterError
from e2e.cluster.identity import Identity

HOME = {"HOME": "/home/ada"}


def test_two_checkouts_share_no_name() -> None:
    one = Identity.of("demo", Path("/src/one"), HOME)
    other = Identity.of("demo", Path("/src/other"), HOME)

    assert one.slug != other.slug
    assert one.state != other.state
    assert one.network_namespace != other.network_namespace


def test_two_names_of_one_checkout_share_nothing() -> None:
    demo, e2e = (Identity.of(name, Path("/src/one"), HOME) for name in ("demo", "e2e"))

    assert {demo.slug, demo.state}.isdisjoint({e2e.slug, e2e.state})


def test_the_same_checkout_finds_its_cluster_again() -> None:
    assert Identity.of("demo", Path("/src"), HOME) == Identity.of("demo", Path("/src"), HOME)


def test_the_state_follows_xdg() -> None:
    identity = Identity.of("demo", Path("/src"), {"XDG_STATE_HOME": "/state"})

    assert identity.state.parent == Path("/state/memory-platform/clusters")


@pytest.mark.parametrize("name", ["", "Demo", "a/b", "-a", "a-", "x" * 21, "a b"])
def test_a_name_that_could_not_name_things_is_refused(name: str) -> None:
    with pytest.raises(ClusterError, match="MEMORY_CLUSTER"):
        Identity.of(name, Path("/src"), HOME)
