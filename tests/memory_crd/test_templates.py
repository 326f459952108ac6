"""A working-memory template is well-formed XML if it is XML at all."""

from __future__ import annotations

import pytest
from memory_crd import templates


@pytest.mark.parametrize(
    "template",
    ["<user><name></name></user>", "<a/>\n<b></b>", "# Notes\n- name:", "", "  <a>text &amp; more</a>"],
)
def test_a_well_formed_template_has_no_fault(template: str) -> None:
    assert templates.fault(template) is None


def test_a_malformed_template_says_where() -> None:
    assert templates.fault("<user>\n<name></user>") == "line 2: mismatched tag"


def test_a_template_cannot_close_more_than_it_opened() -> None:
    assert templates.fault("<a></a></template><template>") is not None


def test_document_types_are_refused() -> None:
    bomb = '<!DOCTYPE a [<!ENTITY x "xx"><!ENTITY y "&x;&x;">]><a>&y;</a>'

    assert templates.fault(bomb) is not None
