"""Callbacks of the page's widgets: every change of state, and the address and widgets that follow it."""

from dataclasses import replace
from typing import Any

import streamlit as st

from core.domain.query import MAX_LIMIT
from core.errors import BucketLensError
from search_ui.library.current_library import get_library
from search_ui.page.page_state import PAGE, PageState, from_params, split_caption_words, to_params

_FIELDS = {"must": "must", "any": "any_of", "not": "none_of"}


def follow_address() -> PageState:
    """Read the state from the address. Where something else changed the address, set the widgets to it."""
    state = from_params({name: st.query_params.get_all(name) for name in st.query_params})
    if state != st.session_state.get("state"):
        st.session_state["state"] = state
        _set_widgets(state)
    for key, value in _widgets(state).items():
        set_default(key, value)
    return state


def _set_state(state: PageState) -> None:
    """Make this the page's state: set session, widgets and address."""
    state = from_params(to_params(state))
    st.session_state["state"] = state
    _set_widgets(state)
    st.query_params.from_dict(to_params(state))


def change(**changes: Any) -> None:
    """Change the question: the state with these changes, from its first page."""
    _set_state(st.session_state["state"].change_question(**changes))


def on_text() -> None:
    """Search for the text that was typed."""
    change(text=st.session_state["q"])


def on_balance() -> None:
    """Weigh words and picture as the slider says."""
    change(balance=st.session_state["balance"])


def on_min_strength() -> None:
    """Show no matches below the strength that the slider says."""
    change(min_strength=st.session_state["least"])


def on_diversity() -> None:
    """Diversify the first matches as the slider says."""
    change(diversity=st.session_state["variety"])


def on_raw() -> None:
    """Search the text as it was typed, or as a question again."""
    change(raw=st.session_state["raw"])


def on_caption_words(key: str) -> None:
    """Filter by the words of a caption field, and note those that no caption can hold."""
    good, useless = split_caption_words(st.session_state[key])
    st.session_state["useless"] = f"captions cannot be searched for {', '.join(useless)}" if useless else None
    change(**{_FIELDS[key]: good})


def on_upload(key: str) -> None:
    """Search by the uploaded picture, or note why it cannot be used."""
    file = st.session_state[key]
    st.session_state["uploads"] = st.session_state.get("uploads", 0) + 1  # a new, empty drop zone
    if file is None:
        return
    try:
        picture = get_library().add_upload(file.getvalue())
    except BucketLensError as error:
        st.session_state["upload_problem"] = f"{file.name}: {error.reason}"
    else:
        st.session_state["upload_problem"] = None
        change(upload=picture.name)


def on_gallery_action() -> None:
    """Act on what was done in the gallery; gallery.js documents what it sends."""
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
            _set_state(replace(state, view=image_id))
        case "like":
            change(like=image_id, text="", upload=None)
        case "word" if isinstance(word, str):
            change(must=(*state.must, word))
        case "near":
            change(text=str(act.get("text", "")), like=None, upload=None)
        case "copies":
            change(copies=act.get("hash"))
        case "more":
            _set_state(replace(state, limit=min(state.limit + PAGE, MAX_LIMIT), view=None))


def on_facet_action() -> None:
    """Require a value of a facet or leave it out, or drop it; facets.js documents what it sends."""
    act = st.session_state["facets"]["act"]
    if not isinstance(act, dict):
        return
    state: PageState = st.session_state["state"]
    pick = (str(act.get("field")), str(act.get("value")))
    rest = state.drop_pick(pick)
    match act.get("kind"):
        case "only" if pick not in state.only:
            rest = replace(rest, only=(*rest.only, pick))
        case "without" if pick not in state.without:
            rest = replace(rest, without=(*rest.without, pick))
    change(only=rest.only, without=rest.without)


def _widgets(state: PageState) -> dict[str, Any]:
    return {"q": state.text, "must": list(state.must), "any": list(state.any_of), "not": list(state.none_of)}


def _set_widgets(state: PageState) -> None:
    sliders = {"balance": state.balance, "least": state.min_strength, "variety": state.diversity, "raw": state.raw}
    for key, value in (_widgets(state) | sliders).items():
        st.session_state[key] = value


def set_widget(key: str, value: Any) -> None:
    """Set a widget's value, in every run: a folded widget misses the run that changed it."""
    st.session_state[key] = value


def set_default(key: str, value: Any) -> None:
    """Set a widget's value unless it has one."""
    if key not in st.session_state:
        st.session_state[key] = value
