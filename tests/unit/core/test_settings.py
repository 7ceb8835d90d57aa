"""Defaults < bucketlens.toml < environment < flags."""

import os
from pathlib import Path

import pytest

from core.domain.query import Weights
from core.errors import InvalidSetting
from core.imaging.decoder import ImageLimits
from core.settings import Settings, load_settings


@pytest.fixture(autouse=True)
def clean(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for name in list(os.environ):
        if name.startswith("BUCKETLENS_"):
            monkeypatch.delenv(name)


def test_defaults() -> None:
    settings = load_settings()
    assert (settings.data, settings.model, settings.device, settings.batch_size) == (Path("data"), None, "auto", 32)


def test_each_place_wins_over_the_one_before(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "bucketlens.toml").write_text('data = "file"\nmodel = "file"\nbatch_size = 8\n')
    monkeypatch.setenv("BUCKETLENS_DATA", "environment")
    monkeypatch.setenv("BUCKETLENS_MODEL", "environment")
    settings = load_settings(model="flag", data=None)
    assert (settings.batch_size, settings.data, settings.model) == (8, Path("environment"), "flag")


def test_a_flag_that_was_not_given_changes_nothing() -> None:
    assert load_settings(data=None, model=None, batch_size=None) == load_settings()


@pytest.mark.parametrize(
    ("name", "value"),
    [("batch_size", "0"), ("batch_size", "many"), ("device", "tpu"), ("thumbnail_px", "1"), ("log_level", "loud")],
)
def test_a_bad_value_is_named(name: str, value: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(f"BUCKETLENS_{name.upper()}", value)
    with pytest.raises(InvalidSetting) as caught:
        load_settings()
    assert (caught.value.name, caught.value.given, caught.value.exit_code) == (name, value, 2)


def test_an_unknown_name_in_the_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "bucketlens.toml").write_text("batchsize = 8\n")
    with pytest.raises(InvalidSetting, match="batchsize"):
        load_settings()


@pytest.mark.parametrize("content", [b"batch_size = = 8\n", b'data = "caf\xe9"\n'])
def test_a_file_that_is_no_toml_is_refused(content: bytes, tmp_path: Path) -> None:
    (tmp_path / "bucketlens.toml").write_bytes(content)
    with pytest.raises(InvalidSetting, match=r"bucketlens\.toml"):
        load_settings()


def test_limits_are_those_of_images() -> None:
    assert load_settings().limits == ImageLimits()
    assert load_settings(max_image_bytes=7).limits == ImageLimits(max_bytes=7)


def test_settings_cannot_be_changed() -> None:
    with pytest.raises(ValueError, match="frozen"):
        Settings().batch_size = 1  # type: ignore[misc]


def test_sources_are_paths_or_tables(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", "/home/ann")
    (tmp_path / "bucketlens.toml").write_text('sources = ["~/Pictures", "s3://bucket/a~b"]\n')
    assert [source.name for source in load_settings().sources] == ["/home/ann/Pictures", "s3://bucket/a~b"]
    (tmp_path / "bucketlens.toml").write_text('[[sources]]\npath = "one"\n[[sources]]\npath = "two"\n')
    assert [source.name for source in load_settings().sources] == ["one", "two"]
    (tmp_path / "bucketlens.toml").write_text('[[sources]]\npath = "one"\ncolour = "red"\n')
    with pytest.raises(InvalidSetting, match="colour"):
        load_settings()


def test_weights_are_checked_where_they_are_set() -> None:
    assert load_settings().weights == Weights()
    assert load_settings(words_weight=2, image_weight=0).weights == Weights(0, 0.05, 2)
    for bad in ({"words_weight": -1}, {"image_weight": float("nan")}):
        with pytest.raises(InvalidSetting, match="weight"):
            load_settings(**bad)
    with pytest.raises(InvalidSetting, match="over 0"):
        load_settings(image_weight=0, caption_weight=0, words_weight=0)


def test_a_home_is_found_wherever_a_folder_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", "/home/ann")
    (tmp_path / "bucketlens.toml").write_text('data = "~/library"\nmodel = "~/models/clip"\n')
    settings = load_settings()
    assert (settings.data, settings.model) == (Path("/home/ann/library"), "/home/ann/models/clip")
    assert load_settings(data=Path("~")).data == Path("/home/ann") and load_settings(data=Path("a~b")).data == Path(
        "a~b"
    )
