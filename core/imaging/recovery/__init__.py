"""Broken files -> as much of the picture as is there, and how much that is."""
