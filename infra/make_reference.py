"""Write docs/reference: the command line, the errors, the HTTP API and Python, as the code defines them.

`make reference` runs it from the top of the repository. A test fails where a page is not what the code says.
"""

from pathlib import Path

from infra.reference import cli, errors, http_api, python

FOLDER = Path("docs/reference")
_MADE = "<!-- made by `make reference`: change the code, not this page -->\n"


def pages() -> dict[Path, str]:
    """The text of every page, by its path from the top of the repository."""
    made = {
        "cli": cli.page(),
        "errors": errors.page(),
        "http-api": http_api.page(),
        "python": python.page(),
    }
    return {FOLDER / f"{name}.md": f"{_MADE}\n{text.strip()}\n" for name, text in made.items()}


def main() -> None:
    for path, text in pages().items():
        path.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
