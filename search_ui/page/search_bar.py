"""The search bar: text, filters, facets and pictures to compare with."""

from dataclasses import replace

import streamlit as st

from core.domain.image import ImageRecord
from core.errors import ImageNotIndexed
from search_ui.library.served_library import Outline, ServedLibrary
from search_ui.page import callbacks, facet_panel, panels
from search_ui.page.page_state import PageState

_PICTURES = (
    "jpg jpeg jpe jfif png apng webp gif bmp tif tiff avif heic heif jxl jp2 j2k jpx ico ppm pgm pbm pnm tga pcx"
    " arw cr2 cr3 dng iiq nef orf pef raf rw2"
).split()
_CROSS = ":material/close:"


def show_search_bar(library: ServedLibrary, outline: Outline, state: PageState) -> PageState:
    """Show the search bar; return the state without reference pictures that are gone."""
    with st.container(key="bar", horizontal=True, vertical_alignment="center", gap="small"):
        panels.brand(outline.images)
        st.text_input(
            "Search", key="q", on_change=callbacks.on_text, placeholder="Describe a picture",
            label_visibility="collapsed", icon=":material/search:",
        )  # fmt: skip
        with st.container(key="tools", horizontal=True, width="content", gap="small"):
            _show_filters(outline, state)
            facet_panel.show_facets(library, state)
            _show_upload()
    _show_active_filters(state)
    return _show_references(library, state)


def _show_filters(outline: Outline, state: PageState) -> None:
    count = (
        len(state.must)
        + len(state.any_of)
        + len(state.none_of)
        + bool(state.effective_min_strength)
        + bool(state.effective_diversity)
        + state.is_raw
    )
    with st.popover(f"Filters · {count}" if count else "Filters", icon=":material/filter_list:", key="filters"):
        st.html('<p class="bl-hint">Words of the caption, in any inflection. Type one and press Enter.</p>')
        for key, label, chosen in (
            ("must", "All of these", state.must),
            ("any", "At least one of these", state.any_of),
            ("not", "None of these", state.none_of),
        ):
            callbacks.set_widget(key, list(chosen))
            st.multiselect(
                label, list(dict.fromkeys([*outline.words, *chosen])), key=key, on_change=callbacks.on_caption_words,
                args=(key,), accept_new_options=True, select_all=False, placeholder="word",
            )  # fmt: skip
        if problem := st.session_state.get("useless"):
            panels.note(problem)
        st.html(
            '<p class="bl-hint">The search bar takes <code>camera:canon</code>, <code>place:Lisbon</code>, '
            "<code>near:48.1,11.6,5km</code>, <code>rating:4..</code>, <code>taken:2019..2021</code>, "
            "<code>text:invoice</code> and the like, too.</p>"
        )
        if state.text:
            callbacks.set_widget("raw", state.raw)
            st.toggle(
                "Search the very words", key="raw", on_change=callbacks.on_raw,
                help='Without it, -word, "a phrase", file:, taken:, camera:, place: and the like are operators.',
            )  # fmt: skip
        if state.asks:
            callbacks.set_widget("least", state.min_strength)
            steps = sorted({*range(0, 100, 10), state.min_strength})
            st.select_slider(
                "At least this strong a match",
                steps,
                key="least",
                format_func=_format_min_strength,
                on_change=callbacks.on_min_strength,
            )
            callbacks.set_widget("variety", state.diversity)
            steps = sorted({*range(0, 101, 10), state.diversity})
            st.select_slider(
                "Variety", steps, key="variety", format_func=_format_diversity, on_change=callbacks.on_diversity
            )


def _show_active_filters(state: PageState) -> None:
    """Show a chip for every filter that is on; clicking it drops the filter."""
    if not (state.filters or state.effective_min_strength or state.effective_diversity or state.is_raw):
        return
    with st.container(key="active", horizontal=True, gap="small"):
        for field, sign, chips in (
            ("must", "", state.must),
            ("any_of", "or ", state.any_of),
            ("none_of", "not ", state.none_of),
        ):
            for n, chip in enumerate(chips):
                rest = chips[:n] + chips[n + 1 :]
                panels.chip(f"{sign}{chip}", f"{field}-{n}", callbacks.change, {field: rest})
        if state.is_raw:
            panels.chip("the very words", "raw-chip", callbacks.change, {"raw": False})
        if state.effective_min_strength:
            panels.chip(
                f"strength {_format_min_strength(state.effective_min_strength)}",
                "least-chip",
                callbacks.change,
                {"min_strength": 0},
            )
        if state.effective_diversity:
            panels.chip(
                f"variety {state.effective_diversity / 100:g}", "variety-chip", callbacks.change, {"diversity": 0}
            )
        if state.copies:
            panels.chip("copies of one picture", "copies-0", callbacks.change, {"copies": None})
        for kind, sign, picks in (("only", "", state.only), ("without", "not ", state.without)):
            for n, (field, value) in enumerate(picks):
                left = picks[:n] + picks[n + 1 :]
                panels.chip(
                    f"{sign}{facet_panel.describe_value(field, value)}", f"{kind}-{n}", callbacks.change, {kind: left}
                )


def _show_upload() -> None:
    key = f"upload-{st.session_state.get('uploads', 0)}"
    with st.popover("Picture", icon=":material/add_photo_alternate:", key="picture"):
        st.file_uploader(
            "Drop a picture here, or choose one", type=_PICTURES, key=key, on_change=callbacks.on_upload, args=(key,),
        )  # fmt: skip
        if problem := st.session_state.get("upload_problem"):
            panels.note(problem)
        st.html('<p class="bl-hint">It is used for this search and forgotten when the service ends.</p>')


def _show_references(library: ServedLibrary, state: PageState) -> PageState:
    like = find_record(library, state.like)
    picture = library.uploads.get(state.upload) if state.upload else None
    gone = []
    if state.like and like is None:
        gone.append("the picture to compare with is not in the library any more")
    if state.upload and picture is None:
        gone.append("the uploaded picture is not here any more: choose it again")
    st.session_state["gone"] = gone
    state = replace(state, like=state.like if like else None, upload=state.upload if picture else None)
    if like is None and picture is None:
        return state
    with st.container(key="references", horizontal=True, vertical_alignment="center", gap="medium"):
        if like is not None:
            panels.reference("more like", like)
            st.button("Remove", key="drop_like", icon=_CROSS, on_click=callbacks.change, kwargs={"like": None})
        if picture is not None:
            panels.reference("similar to", picture)
            st.button("Remove", key="drop_upload", icon=_CROSS, on_click=callbacks.change, kwargs={"upload": None})
        if state.blends:
            callbacks.set_default("balance", state.balance)
            shares = sorted({*range(0, 101, 10), state.balance})
            st.select_slider(
                "Words or picture", shares, key="balance", format_func=_format_balance, on_change=callbacks.on_balance
            )
    return state


def _format_min_strength(min_strength: int) -> str:
    return f"{min_strength / 100:.2f} and over" if min_strength else "any"


def _format_diversity(diversity: int) -> str:
    return {0: "best match first", 100: "as unlike as can be"}.get(diversity, f"{diversity / 100:g}")


def _format_balance(balance: int) -> str:
    return {0: "words only", 50: "evenly", 100: "picture only"}.get(balance, f"{100 - balance} : {balance}")


def find_record(library: ServedLibrary, image_id: str | None) -> ImageRecord | None:
    """Find the image with that id; return None where it is not in the library. Raises LibraryBusy."""
    if image_id is None:
        return None
    try:
        return library.service.image(image_id)
    except ImageNotIndexed:
        return None
