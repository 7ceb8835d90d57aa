"""Models that answer questions about a picture."""
