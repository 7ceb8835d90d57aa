"""The embedded index: Qdrant's engine in this process, on a folder."""
