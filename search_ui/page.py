"""The page. Streamlit runs this script from top to bottom for every session and at every interaction."""

from dataclasses import replace
from datetime import UTC, tzinfo
from shlex import quote
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import streamlit as st

from core.errors import (
    BucketLensError,
    ImageError,
    ImageNotIndexed,
    InvalidQuery,
    LibraryBusy,
    LibraryMissing,
    ModelError,
)
from core.query import MAX_LIMIT
from core.records import Hit, ImageRecord, SearchResult
from search_ui import panels
from search_ui.advice import why_nothing
from search_ui.cards import card
from search_ui.holder import held
from search_ui.library import Library, Outline
from search_ui.page_state import PAGE, PageState, from_params, searchable, to_params

PICTURES = ["jpg", "jpeg", "png", "webp", "gif", "bmp", "tif", "tiff", "avif"]
_FIELDS = {"must": "must", "any": "any_of", "not": "none_of"}


def show() -> None:
    st.set_page_config(page_title="BucketLens", page_icon=str(panels.ICON), layout="wide")
    panels.style()
    library = held()
    state = _follow_address()
    try:
        outline = library.outline()
    except LibraryMissing:
        panels.brand(None)
        _no_library(library)
        return
    except LibraryBusy:
        panels.brand(None)
        _busy()
        return
    except BucketLensError as error:
        panels.brand(None)
        panels.failure("The library cannot be opened", error)
        return
    library.load_model()
    state = _ask(library, outline, state)
    if not outline.images:
        _empty(library, outline)
    else:
        _answer(library, state)


# ---- the question


def _ask(library: Library, outline: Outline, state: PageState) -> PageState:
    """Draws the search bar; returns the state without a reference picture that is gone."""
    with st.container(key="bar", horizontal=True, vertical_alignment="center", gap="small"):
        panels.brand(outline.images)
        st.text_input(
            "Search", key="q", on_change=_typed, placeholder="Describe a picture", label_visibility="collapsed",
            icon=":material/search:",
        )  # fmt: skip
        with st.container(key="tools", horizontal=True, width="content", gap="small"):
            _filters(outline, state)
            _upload()
    _active_filters(state)
    return _references(library, state)


def _filters(outline: Outline, state: PageState) -> None:
    count = len(state.must) + len(state.any_of) + len(state.none_of)
    with st.popover(f"Filters · {count}" if count else "Filters", icon=":material/filter_list:", key="filters"):
        st.html('<p class="bl-hint">Words of the caption, in any inflection. Type one and press Enter.</p>')
        for key, label, chosen in (
            ("must", "All of these", state.must),
            ("any", "At least one of these", state.any_of),
            ("not", "None of these", state.none_of),
        ):
            st.multiselect(
                label, list(dict.fromkeys([*outline.words, *chosen])), key=key, on_change=_filtered, args=(key,),
                accept_new_options=True, select_all=False, placeholder="word",
            )  # fmt: skip
        if problem := st.session_state.get("useless"):
            panels.note(problem)


def _active_filters(state: PageState) -> None:
    """A chip for every filter that is on; choosing it drops the filter."""
    if not state.filters:
        return
    with st.container(key="active", horizontal=True, gap="small"):
        for field, sign, chips in (
            ("must", "", state.must),
            ("any_of", "or ", state.any_of),
            ("none_of", "not ", state.none_of),
        ):
            for n, chip in enumerate(chips):
                rest = chips[:n] + chips[n + 1 :]
                panels.chip(f"{sign}{chip}", f"{field}-{n}", _change, {field: rest})


def _upload() -> None:
    key = f"upload-{st.session_state.get('uploads', 0)}"
    with st.popover("Picture", icon=":material/add_photo_alternate:", key="picture"):
        st.file_uploader(
            "Drop a picture here, or choose one", type=PICTURES, key=key, on_change=_uploaded, args=(key,),
        )  # fmt: skip
        if problem := st.session_state.get("upload_problem"):
            panels.note(problem)
        st.html('<p class="bl-hint">It is used for this search and forgotten when the service ends.</p>')


def _references(library: Library, state: PageState) -> PageState:
    like = _record(library, state.like)
    picture = library.pictures.get(state.upload) if state.upload else None
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
            st.button("Remove", key="drop_like", icon=":material/close:", on_click=_change, kwargs={"like": None})
        if picture is not None:
            panels.reference("similar to", picture)
            st.button("Remove", key="drop_upload", icon=":material/close:", on_click=_change, kwargs={"upload": None})
        if state.blends:
            _seed("balance", state.balance)
            shares = sorted({*range(0, 101, 10), state.balance})
            st.select_slider("Words or picture", shares, key="balance", format_func=_spoken, on_change=_balanced)
    return state


def _spoken(balance: int) -> str:
    return {0: "words only", 50: "evenly", 100: "picture only"}.get(balance, f"{100 - balance} : {balance}")


# ---- the answer


def _answer(library: Library, state: PageState) -> None:
    notices = list(st.session_state["gone"])
    try:
        result = _result(library, state)
    except LibraryBusy:
        _busy()
        return
    except _ModelLoading:
        panels.waiting("Loading the model …", "Your search runs as soon as it is there. Browsing works meanwhile.")
        panels.again_in(1.0)
        return
    except ModelError as error:
        panels.failure("The model is missing", error)
        with st.container(key="remedy", horizontal=True, horizontal_alignment="center"):
            st.button("Try again", on_click=library.load_model_again, icon=":material/refresh:")
        notices.append("without the model, these are the newest pictures that pass the filters")
        result = library.service.search(replace(state, text="", like=None, upload=None).query(None))
        state = replace(state, text="", upload=None, like=None)
    except InvalidQuery as error:
        panels.message("That cannot be asked", str(error))
        return
    except BucketLensError as error:
        panels.failure("That did not work", error)
        return
    panels.outcome(state, result, [*notices, *result.notices])
    if not result.hits:
        _nothing(library, state)
    _gallery(library, state, result)


def _result(library: Library, state: PageState) -> SearchResult:
    """The answer to the question, asked once: opening a picture leaves the ones around it as they are."""
    question = state.question()
    held_question, result = st.session_state.get("answer", (None, None))
    if held_question == question and isinstance(result, SearchResult):
        return result
    if (state.text or state.upload) and library.model == "loading":
        raise _ModelLoading
    picture = library.pictures.get(state.upload) if state.upload else None
    result = library.service.search(state.query(picture.data if picture else None))
    st.session_state["answer"] = (question, result)
    return result


class _ModelLoading(Exception):
    pass


def _gallery(library: Library, state: PageState, result: SearchResult) -> None:
    zone = _zone()
    detail = None
    if state.view and all(hit.record.id != state.view for hit in result.hits):
        record = _record(library, state.view)
        detail = card(Hit(record, None), zone) if record else None
    panels.gallery(
        [card(hit, zone) for hit in result.hits],
        question=repr(replace(state.question(), limit=PAGE)),
        left=max(0, min(result.total, MAX_LIMIT) - len(result.hits)),
        view=state.view,
        detail=detail,
        turn=st.session_state.get("turn", 0),
        on_act=_acted,
    )


# ---- helpful pages


def _no_library(library: Library) -> None:
    data = quote(str(library.settings.data))
    panels.message(
        "There is no library here yet",
        f"Looked in {library.settings.data.absolute()}.",
        "Make one from a folder of pictures; this page shows it as soon as it begins to fill:",
        commands=[f"bucketlens ingest FOLDER --data {data}"],
    )
    panels.message(
        "Just looking?",
        "A thousand drawn sample pictures, with small models that need no network:",
        commands=[f"bucketlens demo --no-ui --data {data}"],
    )
    panels.again_in(3.0)


def _empty(library: Library, outline: Outline) -> None:
    data = quote(str(library.settings.data))
    failed = f"{outline.failed:,} files could not be indexed: `bucketlens failures --data {data}` tells why."
    panels.message(
        "The library is empty",
        *([failed] if outline.failed else []),
        "Add pictures; this page shows them as soon as they are there:",
        commands=[f"bucketlens ingest FOLDER --data {data}"],
    )
    panels.again_in(3.0)


def _busy() -> None:
    panels.waiting("The library is busy", "Another process is writing to it. This page tries again by itself.")
    panels.again_in(2.0)


def _nothing(library: Library, state: PageState) -> None:
    reasons = why_nothing(library.index.count, state.must, state.any_of, state.none_of)
    panels.message("No picture passes these filters", *[f"{reason[0].upper()}{reason[1:]}." for reason in reasons])
    with st.container(key="remedy", horizontal=True, horizontal_alignment="center"):
        st.button("Drop all filters", on_click=_change, kwargs={"must": (), "any_of": (), "none_of": ()})


# ---- what people do


def _follow_address() -> PageState:
    """The state that the address tells; widgets follow it when it was not this page that changed it."""
    state = from_params({name: st.query_params.get_all(name) for name in st.query_params})
    if state != st.session_state.get("state"):
        st.session_state["state"] = state
        _set_widgets(state)
    for key, value in _widgets(state).items():
        _seed(key, value)
    return state


def _go(state: PageState) -> None:
    """Make this the page's state: address, widgets and all."""
    state = from_params(to_params(state))
    st.session_state["state"] = state
    _set_widgets(state)
    st.query_params.from_dict(to_params(state))


def _change(**changes: Any) -> None:
    _go(st.session_state["state"].asking(**changes))


def _typed() -> None:
    _change(text=st.session_state["q"])


def _balanced() -> None:
    _change(balance=st.session_state["balance"])


def _filtered(key: str) -> None:
    good, useless = searchable(st.session_state[key])
    st.session_state["useless"] = f"captions cannot be searched for {', '.join(useless)}" if useless else None
    _change(**{_FIELDS[key]: good})


def _uploaded(key: str) -> None:
    file = st.session_state[key]
    st.session_state["uploads"] = st.session_state.get("uploads", 0) + 1  # a new, empty drop zone
    if file is None:
        return
    try:
        picture = held().take_picture(file.getvalue())
    except ImageError as error:
        st.session_state["upload_problem"] = f"{file.name}: {error}"
    else:
        st.session_state["upload_problem"] = None
        _change(upload=picture.name)


def _acted() -> None:
    """Something was done in the gallery; see gallery.js for what it sends."""
    act = st.session_state["gallery"]["act"]
    if not isinstance(act, dict):
        return
    turn = int(act.get("turn", 0))
    if turn <= st.session_state.get("turn", 0):
        return  # seen: of acts that come at once, Streamlit calls for each with the last
    st.session_state["turn"] = turn
    state: PageState = st.session_state["state"]
    image_id, word = act.get("id"), act.get("word")
    match act.get("kind"):
        case "view":
            _go(replace(state, view=image_id))
        case "like":
            _change(like=image_id, text="", upload=None)
        case "word" if isinstance(word, str):
            _change(must=(*state.must, word))
        case "more":
            _go(replace(state, limit=min(state.limit + PAGE, MAX_LIMIT), view=None))


def _widgets(state: PageState) -> dict[str, Any]:
    return {"q": state.text, "must": list(state.must), "any": list(state.any_of), "not": list(state.none_of)}


def _set_widgets(state: PageState) -> None:
    for key, value in (_widgets(state) | {"balance": state.balance}).items():
        st.session_state[key] = value


def _seed(key: str, value: Any) -> None:
    if key not in st.session_state:
        st.session_state[key] = value


def _record(library: Library, image_id: str | None) -> ImageRecord | None:
    if image_id is None:
        return None
    try:
        return library.service.image(image_id)
    except (ImageNotIndexed, LibraryBusy):
        return None


def _zone() -> tzinfo:
    try:
        return ZoneInfo(st.context.timezone or "UTC")
    except (ZoneInfoNotFoundError, ValueError):
        return UTC


if __name__ == "__main__":
    show()
