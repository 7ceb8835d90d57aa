"""Reads: the search page, the routes beside it, and `bucketlens search`."""
