"""Vendors' errors in one line."""


def summarize(error: BaseException) -> str:
    """Summarize an error in one line, since messages of vendors may run over a page."""
    if type(error) is ValueError:
        return str(error)
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return f"{type(error).__name__}: {lines[0][:300]}" if lines else type(error).__name__
