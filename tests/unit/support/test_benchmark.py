"""The table of `make bench`."""

from tests.support.benchmark import Row, render


def test_the_ratio_says_how_many_times_better_we_are_whichever_way_the_unit_counts() -> None:
    faster = Row("Ingest", "pictures", "1/s", (20.0, 30.0, 10.0), "rclip", (10.0, 9.0, 11.0), "2 ×")
    shorter = Row("Search", "words", "ms", (5.0, 5.0, 4.0), "before", (20.0, 19.0, 21.0), "3 ×")
    assert (faster.ratio, shorter.ratio) == (2.0, 4.0)


def test_rows_of_one_group_stand_together_and_a_row_without_a_peer_has_no_ratio() -> None:
    rows = [
        Row("Search", "words", "ms", (5.25,)),
        Row("Ingest", "pictures", "1/s", (120.4,)),
        Row("Search", "recall@10", "recall", (0.98765,), limit="0.97"),
    ]
    lines = render(rows).splitlines()[2:]
    assert lines == [
        "| Search | words | 5.25 ms |  |  |  |  |",
        "| Search | recall@10 | 0.988 |  |  |  | 0.97 |",
        "| Ingest | pictures | 120 1/s |  |  |  |  |",
    ]
