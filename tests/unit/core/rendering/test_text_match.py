"""Which lines of text in a picture are told: those of the query's words, and those that a filter asks for."""

from core.domain.filtering.filters import Filter
from core.domain.filtering.parser import parse_filter
from core.domain.result import Hit, SearchResult
from core.domain.text_lines import TextLine
from core.rendering.contact_sheet import make_cells
from core.rendering.html_grid import html_grid
from core.rendering.text_match import find_matched_lines, format_matched_lines
from core.search.facets import holding
from tests.support.made_up_images import record

LINES = tuple(TextLine(text, (0.0,) * 8, 0.9) for text in ("INVOICE 2024", "<b>Total</b> due", "Thank you"))
HIT = Hit(record(1, text_lines=LINES).with_words(), None, asked=(("invoice",), ("absent",)))


def test_lines_of_the_query_s_words_and_of_a_filter_are_told() -> None:
    assert [line.text for line in find_matched_lines(HIT)] == ["INVOICE 2024"]
    asked = parse_filter({"any": [{"text": "totl due"}], "none": [{"text": "thank"}]})
    assert [line.text for line in find_matched_lines(HIT, asked)] == ["INVOICE 2024", "<b>Total</b> due"]
    assert format_matched_lines(HIT, asked) == "INVOICE 2024 / <b>Total</b> due", "plain text: who shows it escapes it"
    assert format_matched_lines(Hit(HIT.record, None)) == ""
    assert format_matched_lines(Hit(HIT.record, None), Filter(all=(holding("text", "thank"),))) == "Thank you"
    long = Hit(record(2, text_lines=(TextLine("invoice " * 30, (0.0,) * 8, 0.9),)).with_words(), None, asked=HIT.asked)
    assert len(format_matched_lines(long)) == 80 and format_matched_lines(long).endswith("…")


def test_a_hit_says_which_words_are_written_in_it_where_that_list_was_asked() -> None:
    assert HIT.matched_in("text") == ("invoice",) and HIT.matched_in("words") == ()
    assert HIT.to_dict()["why"]["text"] == []


def test_the_sheet_and_the_grid_tell_the_lines_that_a_filter_asks_for() -> None:
    asked, shown = parse_filter({"text": "thank"}), Hit(HIT.record, None)
    (cell,) = make_cells([shown], lambda _: None, filter=asked)
    assert cell.caption.endswith(" · text: Thank you")
    grid = html_grid(SearchResult((shown,), 1, "edge"), lambda _: None, asked)
    assert "text: Thank you" in grid and "Total" not in grid
    assert "text:" not in html_grid(SearchResult((shown,), 1, "edge"), lambda _: None)
