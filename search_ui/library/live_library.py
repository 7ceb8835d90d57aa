"""The library of a serving process, which follows `bucketlens switch`."""

import logging
import threading
import time
from typing import Any, cast

from core.bootstrap import Wiring
from core.errors import BucketLensError, LibraryBusy
from search_ui.library.served_library import Library

_LOOK_EVERY = 1.0  # seconds, while somebody asks
_GRACE = 30.0  # for those who still search what was in use before
_log = logging.getLogger(__name__)


class Following:
    """Stands for the Library of the edition that is in use, and looks in the background whether another one is by now.

    The other one takes its place when its model has been loaded. A Library keeps to its edition, with the model of it:
    no answer is made of two.
    """

    def __init__(self, wiring: Wiring) -> None:
        self._wiring = wiring
        self._library = Library(wiring)
        self._edition: str | None = None
        self._looked_at = 0.0
        self._looking = threading.Lock()
        self._closed = False

    @classmethod
    def of(cls, wiring: Wiring) -> Library:
        return cast(Library, cls(wiring))

    def __getattr__(self, name: str) -> Any:
        self._follow()
        return getattr(self._library, name)

    def close(self) -> None:
        self._closed = True
        self._library.close()
        self._wiring.close()

    def _follow(self) -> None:
        now = time.monotonic()
        if self._closed or self._wiring.settings.offline:
            return
        if now - self._looked_at > _LOOK_EVERY and self._looking.acquire(blocking=False):
            self._looked_at = now
            threading.Thread(target=self._look, name="look-for-edition", daemon=True).start()

    def _look(self) -> None:
        try:
            edition = self._wiring.editions.current()
            if edition != self._edition:
                self._turn_to(edition)
        except BucketLensError as error:
            _log.info("which edition is in use cannot be told, or it cannot be opened: %s", error)
        except Exception:
            _log.exception("the edition that is in use cannot be opened")
        finally:
            self._looking.release()

    def _turn_to(self, edition: str) -> None:
        before = self._library
        wiring = self._wiring.edition(edition, mirrored=True)
        try:
            if wiring.index.info.fingerprint == before.index.info.fingerprint:
                wiring.close()
                self._edition = edition
                return
            fresh = Library(wiring)
            fresh.pictures = before.pictures
            _load(fresh)
        except BaseException:
            wiring.close()
            raise
        if self._closed:
            fresh.close()
            return
        self._library, self._edition = fresh, edition
        _log.warning("another edition of the library is in use: model=%s", wiring.index.info.model)
        closing = threading.Timer(_GRACE, before.close)
        closing.daemon = True
        closing.start()


def _load(library: Library) -> None:
    """Wait until its model is there. Raises what keeps it from that."""
    library.load_model()
    while library.model == "loading":
        time.sleep(0.02)
    if library.model_error is not None:
        raise library.model_error
    if library.model != "ready":
        raise LibraryBusy("the edition that is in use by now")
