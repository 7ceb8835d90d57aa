"""How shards are named: canonical names, patterns and their limits."""

from pathlib import Path

import pytest

from core.adapters.shards.address import expand_braces, parse_address
from core.errors import SourceNotFound


def test_a_folder_a_pattern_and_one_tar_have_one_canonical_name_each(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "data set").mkdir()
    monkeypatch.chdir(tmp_path)
    root = f"{tmp_path}/data%20set"
    for named in ("data set", "data set/", f"{tmp_path}/data set", f"//{root}", f"file://{root}"):
        address = parse_address(f"shards:{named}")
        assert (address.source, address.base, address.pattern) == (f"shards://{root}", f"{root}/", None)
        assert parse_address(address.source) == address
    for named in ("data set/{00..11}.tar", f"{tmp_path}/data set/{{00..11}}.tar", f"file://{root}/{{00..11}}.tar"):
        address = parse_address(f"shards:{named}")
        assert (address.source, address.base) == (f"shards://{root}/{{00..11}}.tar", f"{root}/")
        assert parse_address(address.source) == address and len(list(address.names())) == 12
    assert parse_address("shards:data set/1.tar").source == f"shards://{root}/1.tar"


def test_a_folder_whose_name_has_braces_or_ends_like_a_tar_is_that_folder(tmp_path: Path) -> None:
    for name in ("{0..9}.tar", "a{b", "set.tar"):
        (tmp_path / name).mkdir()
        address = parse_address(f"shards:{tmp_path}/{name}")
        assert address.pattern is None and not set("{}") & set(address.source)
        assert parse_address(address.source) == address


def test_a_bucket_is_taken_literally() -> None:
    for named in ("s3://b/p", "s3://b/p/"):
        assert parse_address(f"shards:{named}").source == "shards:s3://b/p/"
    assert parse_address("shards:s3://b").source == "shards:s3://b/"
    address = parse_address("shards:s3://b/a%20b/{000..002}.tar")
    assert (address.base, address.source) == ("s3://b/a%20b/", "shards:s3://b/a%20b/{000..002}.tar")
    assert list(address.names()) == ["000.tar", "001.tar", "002.tar"]
    assert parse_address("shards:s3://b/p/7.tar").pattern == "7.tar"


@pytest.mark.parametrize(
    ("pattern", "names"),
    [
        ("{8..11}.tar", "8.tar 9.tar 10.tar 11.tar"),
        ("{08..11}.tar", "08.tar 09.tar 10.tar 11.tar"),
        ("{0..9..4}.tar", "0.tar 4.tar 8.tar"),
        ("{train,val}/{0..1}.tar", "train/0.tar train/1.tar val/0.tar val/1.tar"),
        ("{a,}x.tar", "ax.tar x.tar"),
        ("plain.tar", "plain.tar"),
    ],
)
def test_braces_are_expanded_as_a_shell_does(pattern: str, names: str) -> None:
    assert list(expand_braces("shards:x", pattern)) == names.split()


@pytest.mark.parametrize(
    "source",
    [
        "shards:",
        "shards:http://host/{0..9}.tar",
        "shards:s3:///x",
        "shards:s3://{a,b}/x.tar",
        "shards:/x/{0..9}",
        "shards:/x/{9..0}.tar",
        "shards:/x/{0..9..0}.tar",
        "shards:/x/{0..{1,2}}.tar",
        "shards:/x/{0..9.tar",
        "shards:/x/{abc}.tar",
        "shards:/x/{0..99999999}.tar",
        "shards:/x/{0..9999}{0..9999}.tar",
    ],
)
def test_what_names_no_shards_is_refused_with_the_reason(source: str) -> None:
    with pytest.raises(SourceNotFound) as refused:
        parse_address(source)
    assert source in str(refused.value)
