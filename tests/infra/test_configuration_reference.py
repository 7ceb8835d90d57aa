"""What is generated from the settings is as they are now, and tells of every one."""

from pathlib import Path

import pytest

from core.settings import Settings, load_settings, setting_fields
from infra.make_configuration_reference import OUTPUTS, PAGE, ROOT, render_page, replace_block


@pytest.mark.parametrize("path", OUTPUTS, ids=str)
def test_what_is_generated_is_up_to_date(path: Path) -> None:
    present = (ROOT / path).read_text("utf-8")
    assert OUTPUTS[path](present) == present, "run `make reference`"


def test_every_setting_is_described() -> None:
    assert all(field.description for field in setting_fields(Settings).values())


def test_the_page_has_a_row_for_every_setting() -> None:
    page = (ROOT / PAGE).read_text("utf-8")
    for name in setting_fields(Settings):
        assert page.count(f"\n| `{name.field}` | `{name.environment}` |") == 1, name


def test_the_file_on_the_page_is_valid(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    example = render_page().partition("```toml\n")[2].partition("```")[0]
    (tmp_path / "bucketlens.toml").write_text(example)
    settings = load_settings()
    assert settings.qdrant.url == "http://localhost:6333" and len(settings.sources) == 2


def test_a_block_keeps_what_is_around_it_and_its_indentation() -> None:
    text = "a\n  # begin b\n  old\n  # end b\nc\n"
    assert replace_block(text, "b", ["new", "too"]) == "a\n  # begin b\n  new\n  too\n  # end b\nc\n"
    with pytest.raises(ValueError, match="not one block"):
        replace_block(text, "other", [])
