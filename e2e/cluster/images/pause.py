"""The image that holds a pod's namespaces: one static program."""

from pathlib import Path

from e2e.cluster.binaries import Binaries
from e2e.cluster.configs import PAUSE_IMAGE
from e2e.cluster.images.oci import Entry, Image, Settings, write_layer


def image(programs: Binaries, folder: Path) -> Image:
    """Write its one layer (1 MB) into `folder`."""
    layer = write_layer([Entry("pause", programs.path("pause"), 0o755)], folder / "pause.tar")
    return Image(PAUSE_IMAGE, Settings(("/pause",), "65535:65535"), (layer,))
