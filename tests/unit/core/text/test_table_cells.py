from core.text.table_cells import unquoted


def test_only_a_cell_that_is_quoted_as_a_whole_loses_its_quotes() -> None:
    assert unquoted(' "a ""red"" car" ') == 'a "red" car'
    assert unquoted('"stop" and "go"') == '"stop" and "go"'
    assert unquoted('"') == '"'
    assert unquoted('""') == ""
    assert unquoted(" plain ") == "plain"
