"""Give the wheel the run-time requirements of base.in, so that they are written once."""

from pathlib import Path
from typing import Any

from hatchling.metadata.plugin.interface import MetadataHookInterface


class RequirementsHook(MetadataHookInterface):
    """Read base.in; a line is a requirement unless it is blank or a comment."""

    def update(self, metadata: dict[str, Any]) -> None:
        """Fill `project.dependencies`."""
        text = (Path(self.root) / "requirements" / "base.in").read_text()
        lines = (line.strip() for line in text.splitlines())
        metadata["dependencies"] = [line for line in lines if line and not line.startswith("#")]
