"""Reading what containerd's client prints."""

from e2e.cluster.containerd import digests

TABLE = """\
REF                 TYPE                                       DIGEST         SIZE     PLATFORMS   LABELS
localhost/redis:7.0 application/vnd.oci.image.manifest.v1+json sha256:8e82d9  43.1 MiB linux/amd64 -
localhost/pause:1   application/vnd.oci.image.manifest.v1+json sha256:0f0f0f  1.4 MiB  linux/amd64 -
"""


def test_names_are_read_with_their_digests() -> None:
    assert digests(TABLE) == {"localhost/redis:7.0": "sha256:8e82d9", "localhost/pause:1": "sha256:0f0f0f"}


def test_an_empty_store_has_no_names() -> None:
    assert digests("REF TYPE DIGEST SIZE PLATFORMS LABELS\n") == {}
