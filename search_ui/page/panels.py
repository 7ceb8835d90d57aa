"""The panels of the page. Text of unknown origin is escaped, never rendered as Markdown."""

import base64
import re
import time
from collections.abc import Callable, Mapping, Sequence
from functools import cache
from html import escape
from pathlib import Path
from typing import Any

import streamlit as st

from core.availability.recall import Recall
from core.domain.image import ImageRecord
from core.domain.result import SearchResult
from core.errors import BucketLensError
from core.text.sanitize import plain
from search_ui.library.uploads import Upload
from search_ui.page.hints import render_message
from search_ui.page.page_state import PageState

_STATIC = Path(__file__).parent.parent / "static"
_MARKS = re.compile(r"[!-/:-@\[-`{-~]")
ICON = _STATIC / "icon.svg"


@cache
def _asset(name: str) -> str:
    return (_STATIC / name).read_text(encoding="utf-8")


@cache
def _gallery() -> Callable[..., Any]:
    return st.components.v2.component("bucketlens_gallery", css=_asset("gallery.css"), js=_asset("gallery.js"))


@cache
def _facets() -> Callable[..., Any]:
    return st.components.v2.component("bucketlens_facets", css=_asset("facets.css"), js=_asset("facets.js"))


def style() -> None:
    """Add the page's style sheet."""
    st.html(f"<style>{_asset('page.css')}</style>")


def brand(count: int | None) -> None:
    """Show the name of the service and, where it is known, the number of pictures."""
    library = f"<span>{count:,} picture{'' if count == 1 else 's'}</span>" if count is not None else ""
    st.html(
        f'<div class="bl-brand"><a href="/" target="_self" title="Start over">Bucket<b>Lens</b></a>{library}</div>',
        width="content",
    )


def reference(label: str, picture: Upload | ImageRecord) -> None:
    """Show the picture that the search starts from, small."""
    if isinstance(picture, Upload):
        source = "data:image/jpeg;base64," + base64.b64encode(picture.preview).decode()
        caption = "uploaded picture"
    else:
        source, caption = f"/thumbnails/{picture.id}.jpg", plain(picture.caption or picture.name)
    st.html(
        f'<figure class="bl-reference"><img src="{escape(source)}" alt="{escape(caption)}">'
        f"<figcaption><small>{escape(label)}</small><span>{escape(caption)}</span></figcaption></figure>",
        width="content",
    )


def outcome(state: PageState, result: SearchResult, notices: Sequence[str], recall: Recall | None = None) -> None:
    """Show how many pictures were found, how fast, and the notices of this answer.

    Where nothing is asked, show the measured recall too.
    """
    found, *weaker = result.headline
    parts = [f"<b>{found}</b>", *weaker]
    if state.asks:
        parts.append("good matches that differ first" if state.effective_diversity else "best match first")
    else:
        parts.append("newest first")
        parts.append('<a href="/?show=duplicates" target="_self">find duplicates</a>')
        if recall is not None:
            explanation = (
                f"Of the ten best pictures of an exact search, the last {recall.count:,} compared found this share."
            )
            parts.append(f'<span title="{escape(explanation)}">recall {recall.mean:.2f}</span>')
    if "total" in result.timings_ms:
        parts.append(f"{result.timings_ms['total']:.0f} ms")
    if result.degraded:
        parts.append(f"answered by {escape(result.backend)}")
    items = "".join(f"<li>{escape(plain(render_message(notice)))}</li>" for notice in notices)
    st.html(
        f'<div class="bl-outcome" role="status"><p>{" · ".join(parts)}</p>'
        + (f'<ul class="bl-notices">{items}</ul>' if items else "")
        + "</div>"
    )


def gallery(
    cards: Sequence[Mapping[str, Any]],
    *,
    question: str,
    left: int,
    view: str | None,
    detail: Mapping[str, Any] | None,
    text: Mapping[str, Any] | None = None,
    turn: int,
    on_act: Callable[[], None],
) -> None:
    """Show the grid and the large view. A change of `question` scrolls to the top.

    `cards`: items of gallery_items.make_card. `left`: how many more pictures can be shown. `detail`: the card of a
    picture that is viewed and not among the `cards`. `text`: what is written in the one that is viewed, as
    gallery_items.make_text has it. `turn`: the last action that was handled.
    """
    data = {
        "question": question,
        "items": list(cards),
        "left": left,
        "view": view,
        "detail": detail,
        "text": text,
        "turn": turn,
    }
    _gallery()(key="gallery", data=data, on_act_change=on_act)


def facets(found: Sequence[Mapping[str, Any]], on_act: Callable[[], None]) -> None:
    """Show groups of values: {field, label, values: [{value, shown, count, chosen}]}."""
    _facets()(key="facets", data={"facets": list(found)}, on_act_change=on_act)


def message(title: str, *paragraphs: str, commands: Sequence[str] = ()) -> None:
    """Show a page-wide message: what happened, why, and what to do next, with commands to copy."""
    body = "".join(f"<p>{escape(plain(paragraph))}</p>" for paragraph in paragraphs)
    code = "".join(f"<pre><code>{escape(plain(command))}</code></pre>" for command in commands)
    st.html(f'<section class="bl-message" role="status"><h2>{escape(title)}</h2>{body}{code}</section>')


def remark(lead: str, more: str) -> None:
    """Show a calm line above the pictures."""
    st.html(f'<p class="bl-remark" role="status"><b>{escape(lead)}</b> {escape(more)}</p>')


def note(text: str) -> None:
    """Show a remark beside the field that it is about."""
    st.html(f'<p class="bl-note" role="alert">{escape(plain(text))}</p>')


def failure(title: str, error: BucketLensError) -> None:
    """Show an error line by line, and what to do about it."""
    text = "\n".join(plain(" ".join(line.split())) for line in render_message(error).splitlines())
    st.html(
        f'<section class="bl-message bl-sorry" role="alert"><h2>{escape(title)}</h2>'
        f'<p class="bl-said">{escape(text)}</p></section>'
    )


def chip(text: str, key: str, on_click: Callable[..., None], changes: Mapping[str, Any]) -> None:
    """Show a chip that applies `changes` when it is clicked."""
    st.button(_escape_markdown(plain(text)), key=key, icon=":material/close:", on_click=on_click, kwargs=dict(changes))


def _escape_markdown(text: str) -> str:
    """Escape the text as Markdown, which labels of Streamlit's widgets are."""
    return _MARKS.sub(r"\\\g<0>", text)


def waiting(title: str, note: str) -> None:
    """Show what is being waited for, over a skeleton of the gallery."""
    st.html(
        f'<section class="bl-message bl-waiting" role="status"><h2>{escape(title)}</h2><p>{escape(note)}</p></section>'
        '<div class="bl-skeleton" aria-hidden="true">' + "<i></i>" * 12 + "</div>"
    )


def rerun_in(seconds: float) -> None:
    """Run the page again after this many seconds."""
    started = time.monotonic()

    @st.fragment(run_every=seconds)
    def rerun_later() -> None:
        if time.monotonic() - started > 0.8 * seconds:
            st.rerun()

    rerun_later()
