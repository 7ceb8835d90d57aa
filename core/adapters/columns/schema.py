"""Which fields of a record are columns, and of which types."""

from typing import Any

import pyarrow as pa

CODED = pa.dictionary(pa.int32(), pa.string())  # values that many rows share
LISTED = pa.list_(CODED)
TIME = pa.int64()  # microseconds since 1970, UTC

# What filters, facets and orders ask for.
ASKED: dict[str, Any] = {
    "source": CODED,
    "status": CODED,
    "caption_origin": CODED,
    "captioner": CODED,
    "key": pa.string(),
    "content_hash": pa.string(),
    "words": LISTED,
    "width": pa.int64(),
    "height": pa.int64(),
    "modified_at": TIME,
    "taken_at": TIME,
    "incomplete": pa.float64(),
    "camera": CODED,
    "lens": CODED,
    "latitude": pa.float64(),
    "longitude": pa.float64(),
    "rating": pa.int64(),
    "keywords": LISTED,
    "people": LISTED,
    "pair": pa.string(),
    "caption_flaw": CODED,
    "caption_language": CODED,
    "text_reader": CODED,
    "places": LISTED,
    "city": CODED,
    "region": CODED,
    "country": CODED,
    "text_words": LISTED,
    "place_words": LISTED,
    "name_words": LISTED,
}

# What makes them whole records.
UNASKED: dict[str, Any] = {
    "encoder": CODED,
    "framing": CODED,
    "uri": pa.string(),
    "etag": pa.string(),
    "error": pa.string(),
    "caption": pa.string(),
    "generated": pa.string(),
    "captions": pa.list_(pa.string()),
    "bytes": pa.int64(),
    "caption_score": pa.float64(),
    "indexed_at": TIME,
    "taken_instant": TIME,
    "taken_from": CODED,
    "taken_precision": CODED,
    "file_texts": pa.list_(pa.struct({"text": pa.string(), "origin": pa.string()})),
    "text_lines": pa.list_(pa.struct({"text": pa.string(), "box": pa.list_(pa.float64()), "score": pa.float64()})),
    "unread_lines": pa.int64(),
    "time_zone": CODED,
}

RECORD = ASKED | UNASKED

# What an ingest compares with a listing.
COMPARED = ("etag", "pair", "status", "framing", "width", "height", "caption_origin", "captions")

# What is kept beside an engine that has the whole records.
KEPT = ASKED | {name: RECORD[name] for name in COMPARED}

# What is derived from the others, for orders and look-ups.
ID = "id"
VERSION = "version"
ASPECT = "aspect"
NAME_KEY = "name_key"  # core.domain.sort_orders.encode_name_key
NAME_ORDER = "name_order"  # int32: rows in the order of their names; ~row where the name is that of the row before
HASH_KEY = "hash_key"  # int64: eight bytes of a digest of the content hash
HASH_ORDER = "hash_order"  # int32: rows in the order of their hash keys, those without at the end
