"""What the documents promise exists: targets, links, options, metrics; and generated tables are fresh."""

from __future__ import annotations

import re
import shlex
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from memory_operator.settings import PARSERS, PREFIX
from memory_service.settings import SERVICE_OPTIONS, WORKER_OPTIONS

from docs import generate
from docs.families import families

ROOT = Path(__file__).parents[1]
PAGES = sorted(
    path
    for path in map(Path, subprocess.check_output(["git", "ls-files", "*.md"], cwd=ROOT, text=True).splitlines())
    if (ROOT / path).exists() and path.parts[:2] != ("tests", "seeds")
)
TARGETS = set(re.findall(r"^([a-z0-9-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
LINK = re.compile(r"\[[^\]]*\]\(([^)\s]+)\)")
ANCHOR = re.compile(r"[^\w\- ]")


def text(page: Path) -> str:
    return (ROOT / page).read_text()


def prose(page: Path) -> str:
    """A page without its code blocks."""
    return re.sub(r"```.*?```", "", text(page), flags=re.DOTALL)


def commands(page: Path) -> Iterator[str]:
    """The lines of a page's shell blocks."""
    for block in re.findall(r"```sh\n(.*?)```", text(page), flags=re.DOTALL):
        yield from block.replace("\\\n", " ").splitlines()


def anchors(page: Path) -> set[str]:
    """The names that a link may have after `#`."""
    headings = re.findall(r"^#+ (.+)$", prose(page), re.MULTILINE)
    return {ANCHOR.sub("", heading.replace("`", "").lower()).replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("page", generate.pages(), ids=lambda page: page.name)
def test_generated_tables_are_fresh(page: Path) -> None:
    """`make docs` writes them."""
    assert generate.pages()[page] == page.read_text()


@pytest.mark.parametrize("page", PAGES, ids=str)
def test_links_lead_somewhere(page: Path) -> None:
    for link in LINK.findall(prose(page)):
        if link.startswith(("http://", "https://")):
            continue
        path, _, anchor = link.partition("#")
        target = (ROOT / page.parent / path).resolve() if path else ROOT / page
        assert target.exists(), f"{page}: {link}"
        if anchor:
            assert anchor in anchors(target.relative_to(ROOT)), f"{page}: {link}"


@pytest.mark.parametrize("page", PAGES, ids=str)
def test_make_targets_exist(page: Path) -> None:
    for words in re.findall(r"`make ([a-z0-9 -]+)`", text(page)) + re.findall(r"^make (.*?)(?:#|$)", text(page), re.M):
        for target in words.split():
            assert target in TARGETS, f"{page}: make {target}"


@pytest.mark.parametrize("page", PAGES, ids=str)
def test_files_named_in_commands_exist(page: Path) -> None:
    for line in commands(page):
        for word in shlex.split(line, comments=True):
            if re.match(r"(examples|charts|crds|e2e|bench|docs)/", word):
                assert (ROOT / word).exists(), f"{page}: {line}"


@pytest.mark.parametrize("page", ["ARCHITECTURE.md", "CONTRIBUTING.md"])
def test_files_named_in_tables_exist(page: str) -> None:
    roots = "crds|operator|service|charts|tests|e2e|docs|bench|examples|requirements"
    for path in re.findall(rf"`((?:{roots})/[\w./*-]+)`", text(Path(page))):
        if "<" not in path:
            assert list(ROOT.glob(path.rstrip("/"))), f"{page}: {path}"


def test_tests_named_in_pages_exist() -> None:
    sources = subprocess.check_output(["git", "ls-files", "tests/*.py", "e2e/*.py"], cwd=ROOT, text=True).splitlines()
    defined = set(re.findall(r"def (test_\w+)\(", "".join(text(Path(path)) for path in sources)))

    for page in PAGES:
        named = set(re.findall(r"`(test_\w+)`", text(page)))
        assert named <= defined, f"{page}: {sorted(named - defined)}"


def test_readme_opens_with_the_two_commands() -> None:
    (first, *_) = re.findall(r"```sh\n(.*?)```", text(Path("README.md")), flags=re.DOTALL)

    assert [line.split("#")[0].strip() for line in first.splitlines()[:2]] == ["make demo", "make test"]


def test_every_target_says_what_it_does() -> None:
    described = set(re.findall(r"^([a-z0-9-]+):.*## ", (ROOT / "Makefile").read_text(), re.MULTILINE))

    assert described >= TARGETS


def test_every_metric_is_documented() -> None:
    page = text(Path("docs/metrics.md"))

    for group in families().values():
        for family in group:
            assert f"`{family.name}`" in page


def test_every_option_and_setting_is_documented() -> None:
    page = text(Path("docs/settings.md"))

    for option in (*SERVICE_OPTIONS, *WORKER_OPTIONS):
        assert f"`{option.flag}`" in page
        assert f"`{option.env}`" in page
    for name in PARSERS:
        assert f"`{PREFIX}{name.upper()}`" in page


def test_every_block_is_used_once() -> None:
    used = [name for page in generate.pages() for _, name, _ in generate.BLOCK.findall(page.read_text())]

    assert sorted(used) == sorted(generate.BLOCKS)


@pytest.mark.parametrize("page", PAGES, ids=str)
def test_prose_has_one_sentence_a_line(page: Path) -> None:
    for line in prose(page).splitlines():
        if line.startswith(("|", "<!--", "- ", "#", "    ")):
            continue
        assert not re.search(r"[a-z)`]{2}\. [A-Z`]", line), f"{page}: {line}"
