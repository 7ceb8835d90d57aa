"""Which store reads a source, by how the user names it."""

from core.errors import SourceNotFound
from core.errors.hints import Advice
from core.ports.image_store import ImageStore
from core.settings import Settings


def open_store(source: str, settings: Settings, patience_s: float | None) -> ImageStore:
    """Open the store of a source, with the vendor that it takes alone. Raises SourceNotFound, InvalidSetting.

    What the settings exclude, of every source or of this one, is left out.
    `patience_s`: how long to wait for a store that does not answer, if not as long as the settings say.
    """
    if source.startswith("import://"):
        from core.adapters.stores.imported import ImportedStore

        return ImportedStore(source)
    patterns = _collect_patterns(source, settings)
    if source.startswith("list:"):
        from core.adapters.url_list.store import ListStore

        waits = {} if patience_s is None else {"patience": patience_s, "host_patience": patience_s}
        url_list = settings.url_list.model_copy(update=waits)
        return ListStore(source, settings.model_copy(update={"url_list": url_list}), patterns)
    if source.startswith("shards:"):
        from core.adapters.shards.store import open_shards

        patience = {} if patience_s is None else {"patience": patience_s}
        s3 = settings.s3.model_copy(update=patience)
        return open_shards(source, settings.model_copy(update={"s3": s3}), patterns)
    scheme = _scheme(source)
    if scheme == "s3":
        from core.adapters.stores.s3 import S3Store

        patience = {} if patience_s is None else {"patience": patience_s}
        return S3Store(source, settings.model_copy(update={"s3": settings.s3.model_copy(update=patience)}), patterns)
    if scheme in ("", "file"):
        from core.adapters.stores.folder import FolderStore

        limit = settings.decode.max_bytes
        return FolderStore(source, max_bytes=limit, exclude=[settings.data], patterns=patterns)
    raise SourceNotFound(
        source,
        f"{scheme}:// is not a kind of source that BucketLens reads",
        Advice("give it a folder, s3://BUCKET/PREFIX, list:FILE or shards:FOLDER"),
    )


def source_name(source: str) -> str:
    """Return the canonical name of a source; the source need not exist."""
    from core.adapters.stores import folder, s3
    from core.adapters.url_list import store as list_store

    if source.startswith("shards:"):
        from core.adapters.shards import store as shard_store

        return shard_store.source_name(source)
    if source.startswith(list_store.SCHEME):
        return list_store.source_name(source)
    scheme = _scheme(source)
    if scheme == "s3":
        return s3.source_name(source)
    return folder.source_name(source) if scheme in ("", "file") else source


def _collect_patterns(source: str, settings: Settings) -> tuple[str, ...]:
    """Return the patterns for every source, and behind them those of the settings' entries for this one."""
    own: list[str] = []
    for each in settings.sources:
        if each.exclude and (each.name == source or source_name(each.name) == source_name(source)):
            own += each.exclude
    return (*settings.exclude, *own)


def _scheme(source: str) -> str:
    return source.partition("://")[0].lower() if "://" in source else ""
