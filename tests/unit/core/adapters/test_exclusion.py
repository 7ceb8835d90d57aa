"""Patterns of what is left out: they mean what git means by them."""

import shutil
import subprocess
from pathlib import Path

import pytest

from core.adapters.stores.listing.exclusion import Exclusion
from core.errors import InvalidSetting

PATHS = """a.jpg a.gif raw/a.jpg raw/keep.jpg 2019/raw/x/y.jpg 2019/private/a.jpg private/a.jpg raw.jpg dir/file.jpg
    dir/b.jpg dir/sub/c.jpg x/y/z.jpg x/1/2/y/f.jpg #recycle/a.jpg a[1].jpg A.GIF sub/a.gif keep.gif""".split()
SETS = [
    ("*.gif",),
    ("*.gif", "!keep.gif"),
    ("raw",),
    ("raw/", "!raw/keep.jpg"),
    ("/private/",),
    ("2019/private",),
    ("dir/*", "!dir/file.jpg"),
    ("x/**/y",),
    (r"\#recycle",),
    (r"a\[1\].jpg",),
    ("*", "!*/", "!*.gif"),
    ("[ar]*",),
    ("dir/**",),
    ("dir/**", "!dir/file.jpg"),
    ("**/raw",),
    ("*", "!*/", "!/raw/*.jpg", "raw/a*"),
]


@pytest.mark.skipif(shutil.which("git") is None, reason="needs git")
def test_patterns_mean_what_git_means_by_them(tmp_path: Path) -> None:
    subprocess.run(["git", "init", "-q", str(tmp_path)], check=True)
    for patterns in SETS:
        (tmp_path / ".gitignore").write_text("\n".join(patterns) + "\n")
        said = subprocess.run(
            ["git", "check-ignore", "--stdin", "-z", "--no-index"],
            input="\0".join(PATHS),
            cwd=tmp_path,
            capture_output=True,
            text=True,
            check=False,
        ).stdout
        exclusion = Exclusion(patterns)
        ours = {path for path in PATHS if exclusion.excludes(path)}
        assert ours == set(said.split("\0")) - {""} and ours, patterns


def test_without_patterns_nothing_is_excluded() -> None:
    assert not Exclusion() and not Exclusion().excludes("a.gif") and not Exclusion().excludes_folder("a")


@pytest.mark.parametrize(
    ("pattern", "advice"),
    [
        ("", "leave it away"),
        ("  ", "leave it away"),
        ("/", "leave it away"),
        ("!", "cannot be read"),
        ("[z-a].jpg", "cannot be read"),
        ("a[1.jpg", r"write \["),
        ("#recycle", r"write \#recycle"),
        ("~/Pictures/private", "within the source"),
        ("./private", "write /private"),
        (r"raw\2019", "write raw/2019"),
        ("/pictures/private/", "write /private/"),
        ("!/pictures/private/", "write /private/"),
    ],
)
def test_a_pattern_that_fits_nothing_says_what_to_write(pattern: str, advice: str) -> None:
    with pytest.raises(InvalidSetting) as raised:
        Exclusion(["*.gif", pattern], "/pictures")
    assert raised.value.given == pattern and advice in str(raised.value)
