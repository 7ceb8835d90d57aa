"""Which store reads a source, by how the user names it."""

from core.errors import SourceNotFound
from core.errors.hints import Advice
from core.ports.image_store import ImageStore
from core.settings import Settings


def open_store(source: str, settings: Settings, patience_s: float | None) -> ImageStore:
    """See Wiring.store. Vendors are imported for the store that is opened alone."""
    if source.startswith("import://"):
        from core.adapters.stores.imported import ImportedStore

        return ImportedStore(source)
    if source.startswith("list:"):
        from core.adapters.url_list.store import ListStore

        waits = {} if patience_s is None else {"list_patience": patience_s, "list_host_patience": patience_s}
        return ListStore(source, settings.model_copy(update=waits))
    scheme = _scheme(source)
    if scheme == "s3":
        from core.adapters.stores.s3 import S3Store

        patience = {} if patience_s is None else {"s3_patience": patience_s}
        return S3Store(source, settings.model_copy(update=patience))
    if scheme in ("", "file"):
        from core.adapters.stores.folder import FolderStore

        return FolderStore(source, max_bytes=settings.max_image_bytes, exclude=[settings.data])
    raise SourceNotFound(
        source,
        f"{scheme}:// is not a kind of source that BucketLens reads",
        Advice("give it a folder, s3://BUCKET/PREFIX or list:FILE"),
    )


def source_name(source: str) -> str:
    """See Wiring.source_name."""
    from core.adapters.stores import folder, s3
    from core.adapters.url_list import store as list_store

    if source.startswith(list_store.SCHEME):
        return list_store.source_name(source)
    scheme = _scheme(source)
    if scheme == "s3":
        return s3.source_name(source)
    return folder.source_name(source) if scheme in ("", "file") else source


def _scheme(source: str) -> str:
    return source.partition("://")[0].lower() if "://" in source else ""
