"""The duplicates of the library, as a page."""

import time
from html import escape

import streamlit as st

from core.duplicates.finder import Group
from core.text.sanitize import plain
from search_ui.library.duplicate_scan import DuplicateSearch, ScanResult
from search_ui.page import panels
from search_ui.page.gallery_items import format_size
from search_ui.page.page_state import PAGE


def show(search: DuplicateSearch, limit: int) -> None:
    """Show the largest `limit` groups, or how far the scan is. Raises LibraryError."""
    if search.error is not None:
        panels.failure("Duplicates cannot be looked for now", search.error)
        _show_rescan(search)
        return
    search.start()
    if search.running:
        done, total = search.progress
        progress = f"{done:,} of {total:,} pictures compared." if total else "Comparing the first pictures."
        panels.waiting("Looking for duplicates …", f"{progress} Searching works meanwhile.")
        panels.rerun_in(1.0)
    elif search.last is not None:
        _show_groups(search, search.last, limit)


def _show_groups(search: DuplicateSearch, scan: ScanResult, limit: int) -> None:
    groups = search.groups(limit + 1)
    parts = [
        f"<b>{scan.groups:,}</b> group{'' if scan.groups == 1 else 's'} of {scan.pictures:,} pictures",
        f"among {scan.among:,}",
        f"compared {_format_age(time.monotonic() - scan.ended)}",
        '<a href="/" target="_self">all pictures</a>',
    ]
    st.html(f'<div class="bl-outcome" role="status"><p>{" · ".join(parts)}</p></div>')
    if scan.unseen:
        panels.remark(f"{scan.unseen:,} have no thumbnail.", "They were compared by their bytes alone.")
    if groups:
        st.html(f'<div class="bl-groups">{"".join(map(_render_group, groups[:limit]))}</div>')
    else:
        explanation = "No two are of the same bytes, or the same but for encoding, size or a small crop."
        panels.message("No picture is there twice", explanation, "Turned, mirrored or recoloured ones are not told.")
    if len(groups) > limit:
        further = f'<a href="/?show=duplicates&amp;n={limit + PAGE}" target="_self">Show more</a>'
        st.html(f'<p class="bl-further">{further}</p>')
    _show_rescan(search)


def _show_rescan(search: DuplicateSearch) -> None:
    with st.container(key="remedy", horizontal=True, horizontal_alignment="center"):
        st.button("Look again", on_click=search.start, kwargs={"again": True}, icon=":material/refresh:")


def _format_age(seconds: float) -> str:
    minutes = int(seconds // 60)
    if minutes < 1:
        return "just now"
    return f"{minutes} min ago" if minutes < 90 else f"{minutes // 60} h ago"


def _render_group(group: Group) -> str:
    kind = "the same bytes" if group.exact else "nearly the same"
    pictures = []
    for record in group.records:
        size = f"{record.width:,} × {record.height:,}, " if record.width and record.height else ""
        pictures.append(
            f'<li><a href="/?view={record.id}" target="_self"><img src="/thumbnails/{record.id}.jpg" loading="lazy" '
            f'alt="{escape(plain(record.caption or record.name))}"></a>{escape(plain(record.key))}'
            f"<span>{size}{format_size(record.bytes)}</span></li>"
        )
    return f"<section><h3>{len(group.records):,} pictures, {kind}</h3><ul>{''.join(pictures)}</ul></section>"
