"""The mirror: a read-only copy of an index in FAISS and mapped files."""
