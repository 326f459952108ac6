"""Short words for rendering in tests, and Go itself: `gotp` is a Go binary with text/template and Sprig, in a wheel."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path

import pytest
from memory_service.policies.gotemplate import Budget, TemplateError
from memory_service.policies.gotemplate import render as render_template

NOW = datetime(2024, 3, 20, 10, 30, 5, 678_000, tzinfo=UTC)
GO = Path(sys.executable).with_name("gotp")


def render(source: str, **context: object) -> str:
    """The template over this context, at NOW."""
    return render_template(source, context, NOW, Budget())


def refusal(source: str, **context: object) -> str:
    """Why the template cannot be rendered."""
    with pytest.raises(TemplateError) as caught:
        render(source, **context)
    return str(caught.value)


def go(source: str, context: Mapping[str, object]) -> str | None:
    """What Go renders, a missing key being an error; None where it refuses."""
    command = [str(GO), "-", "--text", "--sprig", "--strict", "-d", json.dumps(context)]
    done = subprocess.run(command, input=source, capture_output=True, text=True, timeout=20)
    return done.stdout if done.returncode == 0 else None
