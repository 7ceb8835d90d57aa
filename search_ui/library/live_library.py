"""The library of a serving process, which follows `bucketlens switch`."""

import logging
import threading
import time

from core.bootstrap import Container
from core.errors import BucketLensError, LibraryBusy
from search_ui.library.served_library import ServedLibrary

_CHECK_INTERVAL_S = 1.0  # while somebody asks
_GRACE_S = 30.0  # for those who still search what was in use before
_log = logging.getLogger(__name__)


class LiveLibrary:
    """The Library of the index version that is in use.

    It checks in the background whether another version is in use. That one takes over once its model has been loaded.
    A Library keeps to its version and model. So one Library for all of a page or a request gives consistent answers.
    """

    def __init__(self, container: Container) -> None:
        self._container = container
        self._library = ServedLibrary(container)
        self._version: str | None = None
        self._checked_at = 0.0
        self._checking = threading.Lock()
        self._closed = False

    def current(self) -> ServedLibrary:
        """Return the library that is in use, at once; call it once a page or a request."""
        now = time.monotonic()
        due = now - self._checked_at > _CHECK_INTERVAL_S and not self._closed and not self._container.settings.offline
        if due and self._checking.acquire(blocking=False):
            self._checked_at = now
            threading.Thread(target=self._check, name="check-index-version", daemon=True).start()
        return self._library

    def close(self) -> None:
        """Close the library that is in use, and everything that it was made of."""
        self._closed = True
        self._library.close()
        self._container.close()

    def _check(self) -> None:
        try:
            version = self._container.index_versions.current()
            if version != self._version:
                self._switch(version)
        except BucketLensError as error:
            _log.info("which index version is in use is not known, or it cannot be opened: %s", error)
        except Exception:
            _log.exception("the index version that is in use cannot be opened")
        finally:
            self._checking.release()

    def _switch(self, version: str) -> None:
        """Open a version, load its model, and let it replace the version before."""
        before = self._library
        container = self._container.at_version(version, mirrored=True)
        try:
            if container.index.info.fingerprint == before.index.info.fingerprint:
                container.close()
                self._version = version
                return
            library = ServedLibrary(container)
            library.uploads = before.uploads
            _load_model(library)
        except BaseException:
            container.close()
            raise
        if self._closed:
            library.close()
            return
        self._library, self._version = library, version
        _log.warning("another index version of the library is in use: model=%s", container.index.info.model)
        closing = threading.Timer(_GRACE_S, before.close)
        closing.daemon = True
        closing.start()


def _load_model(library: ServedLibrary) -> None:
    """Load the library's model and wait for it. Raises BucketLensError where it cannot be loaded."""
    library.load_model()
    while library.model == "loading":
        time.sleep(0.02)
    if library.model_error is not None:
        raise library.model_error
    if library.model != "ready":
        raise LibraryBusy("the index version that is in use by now")
