"""`make docs`: write the tables of these pages from the code that they describe.

A page has a block `<!-- generated: NAME -->` ... `<!-- end -->`; everything between is replaced. What stands around it
is written by hand. tests/test_docs.py notices a stale block.
"""

from __future__ import annotations

import ast
import inspect
import re
import tomllib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import yaml
from memory_crd.status import REASON_MEANINGS, TYPE_MEANINGS
from memory_operator import rbac
from memory_operator.settings import PREFIX
from memory_operator.settings import Settings as OperatorSettings
from memory_service.settings import SERVICE_OPTIONS, WORKER_OPTIONS, Option
from memory_service.web.problems import STATUSES
from memory_service.web.routes import ROUTES
from memory_vectors.settings import Settings as VectorsSettings

from docs.families import families

DOCS: Final = Path(__file__).resolve().parent
ROOT: Final = DOCS.parent
BLOCK: Final = re.compile(r"(<!-- generated: ([a-z-]+) -->\n).*?(<!-- end -->)", re.DOTALL)


def pages() -> dict[Path, str]:
    """Every page with generated blocks, with the text that it should have."""
    found = {path: path.read_text() for path in sorted([*DOCS.rglob("*.md"), *ROOT.glob("*.md")])}
    return {path: BLOCK.sub(_filled, text) for path, text in found.items() if BLOCK.search(text)}


def _filled(block: re.Match[str]) -> str:
    return f"{block[1]}\n{BLOCKS[block[2]]()}\n{block[3]}"


def table(headings: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A Markdown table, followed by an empty line."""
    lines = [headings, ["---"] * len(headings), *rows]
    return "\n".join(f"| {' | '.join(map(_cell, line))} |" for line in lines) + "\n"


def _cell(text: str) -> str:
    """Text as it stands in a cell: a bar would end it, and `<` outside of code would be HTML."""
    parts = text.replace("|", "\\|").split("`")
    return "`".join(part if index % 2 else part.replace("<", "&lt;") for index, part in enumerate(parts))


def code(text: object) -> str:
    """Text as code; nothing for nothing."""
    return f"`{text}`" if str(text) else ""


# --- resources --------------------------------------------------------------------------------------------------------


def _schema(crd: str, part: str) -> Mapping[str, Any]:
    root = yaml.safe_load((ROOT / "crds" / crd).read_text())["spec"]["versions"][0]["schema"]["openAPIV3Schema"]
    found: Mapping[str, Any] = root["properties"][part] if part else root
    return found


def fields(crd: str, part: str) -> str:
    """Every field of a resource's part: path, what it may be, default, its sentence."""
    rows = _fields(_schema(crd, part), part)
    return table(("field", "value", "default", "meaning"), rows)


def _fields(schema: Mapping[str, Any], path: str) -> Iterator[tuple[str, str, str, str]]:
    required = schema.get("required", ())
    for name, each in schema.get("properties", {}).items():
        here = f"{path}.{name}"
        default = yaml.safe_dump(each["default"], default_flow_style=True).split("\n")[0] if "default" in each else ""
        meaning = each.get("description", "") + (" Required." if name in required else "")
        yield code(here), value(each), code(default if default != "{}" else ""), meaning
        yield from _fields(each, here)
        yield from _fields(each.get("items", {}), f"{here}[]")


def value(schema: Mapping[str, Any]) -> str:
    """What a field may hold, in a few words."""
    if "enum" in schema:
        return ", ".join(code(word) for word in schema["enum"])
    if schema.get("x-kubernetes-int-or-string"):
        return "duration" if "ms" in schema.get("pattern", "") else "amount"
    kind = schema.get("type", "any")
    low, high = schema.get("minimum"), schema.get("maximum")
    if low is not None and high is not None:
        return f"{kind}, {low} to {high}"
    length = schema.get("maxLength") or schema.get("maxItems")
    return f"{kind}, at most {length}" if length else str(kind)


def rules(crd: str) -> str:
    """What the schema's structure cannot say, as the API server words its refusal."""
    return "".join(f"- {message}\n" for message in dict.fromkeys(_messages(_schema(crd, ""), "")))


def _messages(schema: Mapping[str, Any], path: str) -> Iterator[str]:
    for rule in schema.get("x-kubernetes-validations", ()):
        yield f"{code(path.removeprefix('.'))}: {rule['message']}." if path else f"{rule['message']}."
    for name, each in schema.get("properties", {}).items():
        yield from _messages(each, f"{path}.{name}")
    if "items" in schema:
        yield from _messages(schema["items"], f"{path}[]")


def meanings(table_of: Mapping[Any, str], heading: str) -> str:
    """Constants with the sentence that each of them stands for."""
    return table((heading, "means"), ((code(name), f"{text}.") for name, text in table_of.items()))


# --- settings ---------------------------------------------------------------------------------------------------------


def documented_fields(settings: type) -> dict[str, str]:
    """The docstring below each field of a dataclass, as one line."""
    (definition,) = ast.parse(inspect.getsource(settings)).body
    assert isinstance(definition, ast.ClassDef)
    found = {}
    for here, following in zip(definition.body, definition.body[1:], strict=False):
        if isinstance(here, ast.AnnAssign) and isinstance(here.target, ast.Name) and isinstance(following, ast.Expr):
            found[here.target.id] = " ".join(str(ast.literal_eval(following.value)).split())
    return found


def operator_settings() -> str:
    """The operator's environment."""
    rows = [
        (code(PREFIX + name.upper()), code(_plain(getattr(OperatorSettings, name, ""))), text)
        for name, text in documented_fields(OperatorSettings).items()
    ]
    return table(("variable", "default", "meaning"), rows)


def _plain(default: object) -> str:
    if default is None or default == ():
        return ""
    return ":".join(map(str, default)) if isinstance(default, tuple) else str(default)


def options(listed: Sequence[Option]) -> str:
    """Flags of a command with their environment twins."""
    rows = [(code(each.flag), code(each.env), code(each.default or ""), each.help) for each in listed]
    return table(("flag", "variable", "default", "meaning"), rows)


def vectors_settings() -> str:
    """What memory-vectors can be told."""
    return "".join(f"- {text}\n" for text in documented_fields(VectorsSettings).values())


# --- the rest ---------------------------------------------------------------------------------------------------------


def metrics(process: str) -> str:
    """The families of one process."""
    rows = [
        (code(family.name), family.kind, ", ".join(map(code, family.labels)), family.help)
        for family in families()[process]
    ]
    return table(("name", "type", "labels", "meaning"), rows)


def routes() -> str:
    """Every route below /v1."""
    return table(("method", "path", "does"), ((each.method, code(each.path), each.summary + ".") for each in ROUTES))


def problems() -> str:
    """Status and codes of refusals."""
    return table(
        ("status", "codes"), ((str(status), ", ".join(map(code, codes))) for status, codes in STATUSES.items())
    )


def rights() -> str:
    """What the operator may do in a namespace that it serves."""
    rows = [
        (", ".join(map(code, rule.resources)), ", ".join(rule.verbs), ", ".join(map(code, rule.names)), f"{rule.why}.")
        for rule in rbac.NAMESPACED
    ]
    return table(("resources", "verbs", "only these", "why"), rows)


def floors() -> str:
    """The layers of each package, the highest first, as import-linter checks them."""
    contracts = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["importlinter"]["contracts"]
    drawn = [(each["containers"][0], each["layers"]) for each in contracts if "containers" in each]
    text = "\n".join(f"{package}\n" + "".join(f"  {layer}\n" for layer in layers) for package, layers in drawn)
    return f"```\n{text}```\n"


BLOCKS: Final[Mapping[str, Callable[[], str]]] = {
    "floors": floors,
    "memory-fields": lambda: fields("memories.yaml", "spec"),
    "memory-rules": lambda: rules("memories.yaml"),
    "memory-status": lambda: fields("memories.yaml", "status"),
    "tenant-fields": lambda: fields("memorytenants.yaml", "spec"),
    "tenant-rules": lambda: rules("memorytenants.yaml"),
    "conditions": lambda: meanings(TYPE_MEANINGS, "condition"),
    "reasons": lambda: meanings(REASON_MEANINGS, "reason"),
    "service-metrics": lambda: metrics("memory-service"),
    "worker-metrics": lambda: metrics("memory-worker"),
    "operator-metrics": lambda: metrics("memory-operator"),
    "operator-settings": operator_settings,
    "service-options": lambda: options(SERVICE_OPTIONS),
    "worker-options": lambda: options(WORKER_OPTIONS),
    "vectors-settings": vectors_settings,
    "routes": routes,
    "problems": problems,
    "rights": rights,
}
"""What may stand between the marks of a page, by name."""


def main() -> None:
    """Write the pages that are stale."""
    for path, text in pages().items():
        if path.read_text() != text:
            path.write_text(text)
            print(f"wrote {path.relative_to(ROOT)}")


if __name__ == "__main__":
    main()
