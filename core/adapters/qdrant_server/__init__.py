"""The index on a Qdrant server, of one node or of a cluster."""
