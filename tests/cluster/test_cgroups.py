"""Reading and walking control groups, on a folder that looks like them."""

from pathlib import Path

from e2e.cluster.cgroups import Cgroup, hierarchies

MIXED = """\
tmpfs /sys/fs/cgroup tmpfs rw 0 0
cgroup /sys/fs/cgroup/memory cgroup rw,relatime,memory 0 0
cgroup /sys/fs/cgroup/pids cgroup rw,relatime,pids 0 0
cgroup2 /sys/fs/cgroup/unified cgroup2 rw,relatime 0 0
"""


def test_every_hierarchy_of_a_mixed_machine_is_found() -> None:
    assert [path.name for path in hierarchies(MIXED)] == ["memory", "pids", "unified"]


def test_a_machine_with_version_2_has_one() -> None:
    assert hierarchies("cgroup2 /sys/fs/cgroup cgroup2 rw 0 0\nproc /proc proc rw 0 0\n") == (Path("/sys/fs/cgroup"),)


def test_processes_are_counted_where_pids_are_limited() -> None:
    assert Cgroup("memory-x", hierarchies(MIXED)).counted == Path("/sys/fs/cgroup/pids/memory-x")
    assert Cgroup("memory-x", (Path("/sys/fs/cgroup"),)).counted == Path("/sys/fs/cgroup/memory-x")


def test_members_of_all_sub_groups_are_members(tmp_path: Path) -> None:
    for part, pids in {"": "", "daemons/etcd": "12\n", "kubepods/pod1/c1": "30\n31\n"}.items():
        folder = tmp_path / "memory-x" / part
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "cgroup.procs").write_text(pids)
    cgroup = Cgroup("memory-x", (tmp_path,))

    assert cgroup.members() == {12, 30, 31}
    assert cgroup.members("daemons/etcd") == {12}


def test_a_group_that_is_gone_has_no_members(tmp_path: Path) -> None:
    cgroup = Cgroup("memory-x", (tmp_path,))

    assert not cgroup.exists()
    assert cgroup.members() == set()
    assert cgroup.kill() == 0
    cgroup.remove()


def test_removal_takes_the_innermost_group_first(tmp_path: Path) -> None:
    (tmp_path / "memory-x" / "kubepods" / "pod1").mkdir(parents=True)

    Cgroup("memory-x", (tmp_path,)).remove()

    assert list(tmp_path.iterdir()) == []
