"""The page at /docs, its script run as a browser runs it: on the description that this service gives."""

from __future__ import annotations

import json
import shutil
import subprocess
from typing import Any

import pytest
from memory_service.web import openapi
from memory_service.web.docs import PAGE
from memory_service.web.routes import ROUTES

NODE = shutil.which("node")
BROWSER = """
class Element {
  textContent = ""; children = [];
  append(...more) { this.children.push(...more.map(String)); }
  toString() { return [this.textContent, ...this.children].join("\\n"); }
}
const shown = new Element();
globalThis.document = {createElement: () => new Element(), querySelector: () => shown};
globalThis.fetch = async () => ({json: async () => JSON.parse(require("fs").readFileSync(0))});
process.on("exit", () => require("fs").writeFileSync(1, String(shown)));
"""


def shown(description: dict[str, Any]) -> str:
    """What stands on the page once its script has read a description."""
    assert NODE is not None
    script = PAGE.decode().partition("<script>")[2].partition("</script>")[0]
    ran = subprocess.run(
        [NODE, "-e", BROWSER + script], input=json.dumps(description), capture_output=True, text=True, timeout=30
    )
    assert ran.returncode == 0, ran.stderr
    return ran.stdout


@pytest.mark.skipif(NODE is None, reason="node is not installed")
def test_the_page_shows_every_route_with_its_body_whatever_its_media_type() -> None:
    text = shown(openapi.document())
    lines = text.split("\n")
    assert {f"/v1{route.path}" for route in ROUTES} <= set(lines)
    assert "application/x-ndjson" in lines and "application/json" in lines
    assert "cannot show" not in text


@pytest.mark.skipif(NODE is None, reason="node is not installed")
def test_a_description_that_cannot_be_shown_is_said_on_the_page() -> None:
    assert "This page cannot show openapi.json" in shown({"paths": {"/x": {"get": {}}}})
