"""Callbacks of the page's widgets: every change of state, and the address and widgets that follow it."""

from dataclasses import replace
from typing import Any

import streamlit as st

from core.domain.query import MAX_LIMIT
from core.errors import BucketLensError
from search_ui.library.current_library import get_library
from search_ui.page.page_state import PAGE, PageState, from_params, searchable, to_params

_FIELDS = {"must": "must", "any": "any_of", "not": "none_of"}


def follow_address() -> PageState:
    """Read the state from the address; widgets follow it when it was not this page that changed it."""
    state = from_params({name: st.query_params.get_all(name) for name in st.query_params})
    if state != st.session_state.get("state"):
        st.session_state["state"] = state
        _set_widgets(state)
    for key, value in _widgets(state).items():
        seed(key, value)
    return state


def _go(state: PageState) -> None:
    """Make this the page's state: address, widgets and all."""
    state = from_params(to_params(state))
    st.session_state["state"] = state
    _set_widgets(state)
    st.query_params.from_dict(to_params(state))


def change(**changes: Any) -> None:
    """Ask something else: the state with these changes, from its first page."""
    _go(st.session_state["state"].asking(**changes))


def on_text() -> None:
    change(text=st.session_state["q"])


def on_balance() -> None:
    change(balance=st.session_state["balance"])


def on_least_strength() -> None:
    change(least=st.session_state["least"])


def on_variety() -> None:
    change(variety=st.session_state["variety"])


def on_raw() -> None:
    change(raw=st.session_state["raw"])


def on_caption_words(key: str) -> None:
    good, useless = searchable(st.session_state[key])
    st.session_state["useless"] = f"captions cannot be searched for {', '.join(useless)}" if useless else None
    change(**{_FIELDS[key]: good})


def on_upload(key: str) -> None:
    file = st.session_state[key]
    st.session_state["uploads"] = st.session_state.get("uploads", 0) + 1  # a new, empty drop zone
    if file is None:
        return
    try:
        picture = get_library().take_picture(file.getvalue())
    except BucketLensError as error:
        st.session_state["upload_problem"] = f"{file.name}: {error.reason}"
    else:
        st.session_state["upload_problem"] = None
        change(upload=picture.name)


def on_gallery_action() -> None:
    """Act on what was done in the gallery; see gallery.js for what it sends."""
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
            change(like=image_id, text="", upload=None)
        case "word" if isinstance(word, str):
            change(must=(*state.must, word))
        case "copies":
            change(copies=act.get("hash"))
        case "more":
            _go(replace(state, limit=min(state.limit + PAGE, MAX_LIMIT), view=None))


def on_facet_action() -> None:
    """Choose a value of a facet or leave it out; see facets.js. Drop what was chosen before."""
    act = st.session_state["facets"]["act"]
    if not isinstance(act, dict):
        return
    state: PageState = st.session_state["state"]
    pick = (str(act.get("field")), str(act.get("value")))
    rest = state.unpicked(pick)
    match act.get("kind"):
        case "only" if pick not in state.only:
            rest = replace(rest, only=(*rest.only, pick))
        case "without" if pick not in state.without:
            rest = replace(rest, without=(*rest.without, pick))
    change(only=rest.only, without=rest.without)


def _widgets(state: PageState) -> dict[str, Any]:
    return {"q": state.text, "must": list(state.must), "any": list(state.any_of), "not": list(state.none_of)}


def _set_widgets(state: PageState) -> None:
    sliders = {"balance": state.balance, "least": state.least, "variety": state.variety, "raw": state.raw}
    for key, value in (_widgets(state) | sliders).items():
        st.session_state[key] = value


def show(key: str, value: Any) -> None:
    """Tell a widget its value in every run: what is folded away misses the one that set it."""
    st.session_state[key] = value


def seed(key: str, value: Any) -> None:
    if key not in st.session_state:
        st.session_state[key] = value
