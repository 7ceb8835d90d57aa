from core.tables.cells import unquote_cell


def test_only_a_cell_that_is_quoted_as_a_whole_loses_its_quotes() -> None:
    assert unquote_cell(' "a ""red"" car" ') == 'a "red" car'
    assert unquote_cell('"stop" and "go"') == '"stop" and "go"'
    assert unquote_cell('"') == '"'
    assert unquote_cell('""') == ""
    assert unquote_cell(" plain ") == "plain"
