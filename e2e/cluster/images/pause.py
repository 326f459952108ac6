"""The image that holds a pod's namespaces: one static program."""

from pathlib import Path

from e2e.cluster.binaries import Binaries
from e2e.cluster.configs import PAUSE_IMAGE
from e2e.cluster.images.oci import Archive, Entry, Settings, write_archive, write_layer


def archive(programs: Binaries, folder: Path) -> Archive:
    """Write the image into `folder` (milliseconds; it holds one 1 MB file)."""
    layer = write_layer([Entry("pause", programs.path("pause"), 0o755)], folder / "pause-layer.tar")
    return write_archive(PAUSE_IMAGE, Settings(("/pause",), "65535:65535"), (layer,), folder / "pause.tar")
