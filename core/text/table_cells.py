"""Cells of tables: what readers of URL lists and of caption files share."""

DELIMITERS = "\t,;|"


def unquote_cell(cell: str) -> str:
    """Strip a cell of TSV of blanks, and of quotes where it is quoted as a whole, as spreadsheets do it.

    Other quotation marks of TSV are part of the text, as in published files.
    """
    cell = cell.strip()
    if len(cell) > 1 and cell[0] == cell[-1] == '"' and '"' not in cell[1:-1].replace('""', ""):
        return cell[1:-1].replace('""', '"').strip()
    return cell
