"""Generate docs/reference from the code: the command line, the errors, the HTTP API and Python.

`make reference` runs it from the top of the repository. A test fails where a page differs from the code.
"""

from pathlib import Path

from infra.reference import cli, errors, http_api, python

FOLDER = Path("docs/reference")
_MADE = "<!-- made by `make reference`: change the code, not this page -->\n"


def render_pages() -> dict[Path, str]:
    """Render every page as Markdown, by its path from the top of the repository."""
    texts = {
        "cli": cli.page(),
        "errors": errors.page(),
        "http-api": http_api.page(),
        "python": python.page(),
    }
    return {FOLDER / f"{name}.md": f"{_MADE}\n{text.strip()}\n" for name, text in texts.items()}


def main() -> None:
    """Write every page."""
    for path, text in render_pages().items():
        path.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
