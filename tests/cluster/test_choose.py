"""The choice of a cluster, as a table."""

import pytest

from e2e.cluster.choose import Kind, Machine, choose
from e2e.cluster.errors import ClusterError


@pytest.mark.parametrize(
    ("machine", "kind"),
    [
        pytest.param(Machine(context="staging", engine="docker", linux=True, root=True), Kind.CONTEXT, id="named"),
        pytest.param(Machine(context="staging"), Kind.CONTEXT, id="named-and-nothing-else"),
        pytest.param(Machine(engine="docker", linux=True, root=True), Kind.KIND, id="engine-beside-root"),
        pytest.param(Machine(engine="podman"), Kind.KIND, id="engine-on-another-system"),
        pytest.param(Machine(linux=True, root=True), Kind.BUILTIN, id="root-on-linux"),
    ],
)
def test_the_first_way_that_works_is_taken(machine: Machine, kind: Kind) -> None:
    assert kind is choose(machine)


@pytest.mark.parametrize(
    "machine",
    [Machine(), Machine(linux=True), Machine(root=True)],
    ids=["nothing", "linux-without-root", "root-elsewhere"],
)
def test_a_machine_with_no_way_is_told_all_three(machine: Machine) -> None:
    with pytest.raises(ClusterError, match=r"(?s)KUBE_CONTEXT=.*docker info.*be root on Linux"):
        choose(machine)
