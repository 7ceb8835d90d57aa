import pytest

from core.text.sanitize import plain, printable, printable_lines

UNSAFE = "a\x1b[2J\u202eb\udcff"


def test_what_is_unsafe_is_replaced_on_a_page_and_escaped_on_a_terminal() -> None:
    assert plain(UNSAFE) == "a\ufffd[2J\ufffdb\ufffd"
    assert printable(UNSAFE) == r"a\x1b[2J\u202eb\udcff"


def test_a_page_gets_one_line_and_a_terminal_sees_where_lines_ended() -> None:
    assert plain("a\r\nb\tc") == "a b c"
    assert printable("a\nb") == r"a\nb" and printable_lines("a\n\x07b") == "a\n" + r"\x07b"


@pytest.mark.parametrize("text", ["fünf \u00a0 日本", "👩\u200d👧", "soft\u00adhyphen"])
def test_what_scripts_and_emoji_need_stays(text: str) -> None:
    assert plain(text) == printable(text) == text
