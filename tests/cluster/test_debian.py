"""What the set-up would install, and why."""

from e2e.cluster import debian


def test_only_absent_programs_are_named_with_their_reason() -> None:
    wanted = {"iproute2": ("ip", "makes networks"), "runc": ("runc", "starts containers")}

    assert debian.missing(wanted, lambda program: program == "ip") == {"runc": "starts containers"}


def test_every_package_of_the_node_has_a_reason() -> None:
    assert all(reason for _, reason in (debian.NODE | debian.IMAGES).values())
