"""What readers of tables have in common: lists of pictures, and captions that people wrote."""

DELIMITERS = "\t,;|"


def unquoted(cell: str) -> str:
    """A cell of TSV without blanks around it and, where it is quoted as a whole as spreadsheets do it, without quotes.

    Other quotation marks of TSV are part of the text, as published files have it.
    """
    cell = cell.strip()
    if len(cell) > 1 and cell[0] == cell[-1] == '"' and '"' not in cell[1:-1].replace('""', ""):
        return cell[1:-1].replace('""', '"').strip()
    return cell
