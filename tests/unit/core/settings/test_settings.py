"""Defaults < bucketlens.toml < environment < flags."""

import logging
import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from core.domain.query import Weights
from core.errors import InvalidSetting
from core.imaging.decode_request import ImageLimits
from core.settings import Settings, load_settings, setting_fields
from core.settings.names import RENAMED
from core.settings.sources import warn_deprecated


@pytest.fixture(autouse=True)
def clean(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for name in list(os.environ):
        if name.startswith("BUCKETLENS_"):
            monkeypatch.delenv(name)


def test_defaults() -> None:
    settings = load_settings()
    assert (settings.data, settings.model, settings.device, settings.batch_size) == (Path("data"), None, "auto", 32)


def test_each_place_adds_to_a_group(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "bucketlens.toml").write_text('[qdrant]\nurl = "http://file:6333"\ncollection = "file"\ntimeout = 7\n')
    monkeypatch.setenv("BUCKETLENS_QDRANT_COLLECTION", "environment")
    monkeypatch.setenv("BUCKETLENS_QDRANT_URL", "http://environment:6333")
    qdrant = load_settings(qdrant_url="http://flag:6333").qdrant
    assert (qdrant.url, qdrant.collection, qdrant.timeout) == ("http://flag:6333", "environment", 7)


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
    [
        ("batch_size", "0"),
        ("batch_size", "many"),
        ("device", "tpu"),
        ("decode_thumbnail_px", "1"),
        ("log_level", "loud"),
    ],
)
def test_a_bad_value_is_named(name: str, value: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(f"BUCKETLENS_{name.upper()}", value)
    with pytest.raises(InvalidSetting) as caught:
        load_settings()
    assert (caught.value.given, caught.value.exit_code) == (value, 2)
    assert caught.value.name == f"BUCKETLENS_{name.upper()}"


def test_what_a_choice_takes_is_told_in_one_clause() -> None:
    with pytest.raises(InvalidSetting) as caught:
        load_settings(precision="half")
    assert str(caught.value) == "setting precision: got 'half', takes 'full' or 'int8'"


def test_a_setting_is_named_as_it_was_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "bucketlens.toml").write_text("[qdrant]\ntimeout = 0\n")
    with pytest.raises(InvalidSetting) as caught:
        load_settings()
    assert caught.value.name == "qdrant.timeout"
    monkeypatch.setenv("BUCKETLENS_QDRANT_TIMEOUT", "0")
    with pytest.raises(InvalidSetting) as caught:
        load_settings()
    assert caught.value.name == "BUCKETLENS_QDRANT_TIMEOUT"
    with pytest.raises(InvalidSetting) as caught:
        load_settings(qdrant_timeout=0)
    assert caught.value.name == "qdrant_timeout"
    with pytest.raises(InvalidSetting) as caught:
        load_settings(max_image_bytes=0)
    assert caught.value.name == "max_image_bytes"


def test_sources_in_the_environment_are_json(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BUCKETLENS_SOURCES", '["one", {"path": "two", "captions": ["c.csv"]}]')
    assert [source.captions for source in load_settings().sources] == [(), ("c.csv",)]
    monkeypatch.setenv("BUCKETLENS_SOURCES", "/pictures")
    with pytest.raises(InvalidSetting, match=r"BUCKETLENS_SOURCES.*JSON"):
        load_settings()


def test_an_unknown_name_in_the_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "bucketlens.toml").write_text("batchsize = 8\n")
    with pytest.raises(InvalidSetting, match="batchsize"):
        load_settings()
    (tmp_path / "bucketlens.toml").write_text('[qdrant]\nurls = "http://here:6333"\n')
    with pytest.raises(InvalidSetting, match=r"qdrant\.urls"):
        load_settings()


def test_an_unknown_variable_is_ignored(monkeypatch: pytest.MonkeyPatch) -> None:
    """A Kubernetes service named bucketlens-qdrant sets such variables in every pod."""
    monkeypatch.setenv("BUCKETLENS_QDRANT_SERVICE_HOST", "10.0.0.7")
    assert load_settings() == Settings()


@pytest.mark.parametrize("content", [b"batch_size = = 8\n", b'data = "caf\xe9"\n'])
def test_a_file_that_is_no_toml_is_refused(content: bytes, tmp_path: Path) -> None:
    (tmp_path / "bucketlens.toml").write_bytes(content)
    with pytest.raises(InvalidSetting, match=r"bucketlens\.toml"):
        load_settings()


def test_limits_are_those_of_images() -> None:
    assert load_settings().decode.limits == ImageLimits()
    assert load_settings(decode_max_bytes=7).decode.limits == ImageLimits(max_bytes=7)


def test_settings_cannot_be_changed() -> None:
    with pytest.raises(ValueError, match="frozen"):
        load_settings().batch_size = 1  # type: ignore[misc]
    with pytest.raises(ValueError, match="frozen"):
        load_settings().qdrant.timeout = 1  # type: ignore[misc]


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
    assert load_settings().ranking.weights == Weights()
    assert load_settings(ranking_words_weight=2, ranking_image_weight=0).ranking.weights == Weights(0, 0.05, 2)
    for bad in ({"ranking_words_weight": -1}, {"ranking_image_weight": float("nan")}):
        with pytest.raises(InvalidSetting, match="weight"):
            load_settings(**bad)
    with pytest.raises(InvalidSetting, match="over 0"):
        load_settings(ranking={f"{name}_weight": 0 for name in Weights.__dataclass_fields__})


def test_a_home_is_found_wherever_a_folder_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", "/home/ann")
    (tmp_path / "bucketlens.toml").write_text('data = "~/library"\nmodel = "~/models/clip"\n')
    settings = load_settings()
    assert (settings.data, settings.model) == (Path("/home/ann/library"), "/home/ann/models/clip")
    assert load_settings(data=Path("~")).data == Path("/home/ann") and load_settings(data=Path("a~b")).data == Path(
        "a~b"
    )


class TestOldNames:
    """The names of version 0.1 work in all three places, and say once what they are now."""

    @pytest.fixture(autouse=True)
    def _afresh(self) -> Iterator[None]:
        warn_deprecated.cache_clear()
        yield
        warn_deprecated.cache_clear()

    @pytest.fixture()
    def warned(self, caplog: pytest.LogCaptureFixture) -> "pytest.LogCaptureFixture":
        caplog.set_level(logging.WARNING, "core.settings")
        return caplog

    def test_every_old_name_is_that_of_a_setting(self) -> None:
        keywords = [name.keyword for name in setting_fields(Settings)]
        assert len(set(keywords)) == len(keywords)
        assert set(RENAMED.values()) <= set(keywords) and not set(RENAMED) & set(keywords)

    def test_flat_keys_of_the_file(self, tmp_path: Path, warned: pytest.LogCaptureFixture) -> None:
        (tmp_path / "bucketlens.toml").write_text(
            'qdrant_url = "http://here:6333"\nlist_readers = 3\nmirror = false\nwords_weight = 2\nbatch_size = 7\n'
            "[qdrant]\ntimeout = 5\n"
        )
        for _ in range(2):
            settings = load_settings()
        assert (settings.qdrant.url, settings.qdrant.timeout) == ("http://here:6333", 5)
        assert (settings.url_list.readers, settings.mirror.enabled, settings.batch_size) == (3, False, 7)
        assert settings.ranking.weights == Weights(1, 0.05, 2)
        assert len(warned.messages) == 4
        assert "qdrant_url of bucketlens.toml" in warned.text and "url in the table [qdrant]" in warned.text

    def test_variables(self, monkeypatch: pytest.MonkeyPatch, warned: pytest.LogCaptureFixture) -> None:
        monkeypatch.setenv("BUCKETLENS_MIRROR", "false")
        monkeypatch.setenv("BUCKETLENS_MAX_IMAGE_BYTES", "70")
        monkeypatch.setenv("BUCKETLENS_S3_READERS", "3")
        for _ in range(2):
            settings = load_settings()
        assert (settings.mirror.enabled, settings.decode.max_bytes, settings.s3.readers) == (False, 70, 3)
        assert len(warned.messages) == 2
        assert "BUCKETLENS_MIRROR " in warned.text and "BUCKETLENS_MIRROR_ENABLED" in warned.text

    def test_keywords(self, warned: pytest.LogCaptureFixture) -> None:
        for _ in range(2):
            settings = load_settings(exact=True, thumbnail_px=64, qdrant_url="http://here:6333")
        assert (settings.search.exact, settings.decode.thumbnail_px) == (True, 64)
        assert settings.qdrant.url == "http://here:6333"
        assert len(warned.messages) == 2

    def test_the_new_name_counts_where_both_are_given(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("BUCKETLENS_EXACT", "false")
        monkeypatch.setenv("BUCKETLENS_SEARCH_EXACT", "true")
        assert load_settings().search.exact
        assert load_settings(exact=False, search_exact=True).search.exact

    def test_a_flag_of_an_old_name_wins_over_the_file(self, tmp_path: Path) -> None:
        (tmp_path / "bucketlens.toml").write_text("[mirror]\nenabled = true\nminutes = 3\n")
        mirror = load_settings(mirror=False).mirror
        assert (mirror.enabled, mirror.minutes) == (False, 3)

    def test_a_setting_that_has_left_its_group(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, warned: pytest.LogCaptureFixture
    ) -> None:
        assert not load_settings().recheck
        (tmp_path / "bucketlens.toml").write_text("[list]\nrecheck = true\nreaders = 3\n")
        settings = load_settings()
        assert settings.recheck and settings.url_list.readers == 3
        assert "list.recheck of bucketlens.toml" in warned.text and "now recheck" in warned.text
        assert not load_settings(recheck=False).recheck
        (tmp_path / "bucketlens.toml").unlink()
        assert load_settings(list_recheck=True).recheck
        monkeypatch.setenv("BUCKETLENS_LIST_RECHECK", "true")
        assert load_settings().recheck and "BUCKETLENS_RECHECK" in warned.text


def test_patterns_are_a_list_in_every_place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "bucketlens.toml").write_text(
        'exclude = ["*.gif"]\n[[sources]]\npath = "pictures"\nexclude = ["raw/"]\n[[sources]]\npath = "other"\n'
    )
    settings = load_settings()
    assert settings.exclude == ("*.gif",) and [each.exclude for each in settings.sources] == [("raw/",), ()]
    monkeypatch.setenv("BUCKETLENS_EXCLUDE", '["a", "b"]')
    assert load_settings().exclude == ("a", "b")
    monkeypatch.setenv("BUCKETLENS_EXCLUDE", "*.gif")
    with pytest.raises(InvalidSetting, match="BUCKETLENS_EXCLUDE"):
        load_settings()
