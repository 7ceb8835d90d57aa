"""The documentation builds with no warning, and needs nothing from elsewhere."""

import re
import shutil
import subprocess
import sys
from pathlib import Path

from tests.support.pages import DOCS, ROOT


def build(source: Path, target: Path) -> "subprocess.CompletedProcess[str]":
    strict = ["--fail-on-warning", "--keep-going", "--quiet"]
    command = [sys.executable, "-m", "sphinx", *strict, str(source), str(target)]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=300, check=False)


def test_the_site_builds_with_every_page_and_loads_nothing_from_elsewhere(tmp_path: Path) -> None:
    built = build(DOCS, tmp_path)
    assert (built.returncode, built.stderr) == (0, "")
    for page in DOCS.rglob("*.md"):
        html = (tmp_path / page.relative_to(DOCS)).with_suffix(".html").read_text(encoding="utf-8")
        assert not re.findall(r"<(?:script|link|img)[^>]*(?:src|href)=\"(?:https?:)?//[^\"]*", html)


def test_a_broken_link_or_anchor_fails(tmp_path: Path) -> None:
    source = tmp_path / "docs"
    shutil.copytree(DOCS, source)
    with (source / "limits.md").open("a") as page:
        page.write("\n[a page](nowhere.md), [a heading](relevance.md#nowhere), ![a picture](images/nowhere.png)\n")
    built = build(source, tmp_path / "site")
    assert built.returncode != 0
    assert built.stderr.count("limits.md") == built.stderr.count("nowhere") == 3
