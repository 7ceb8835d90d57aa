"""Answers while the index is away, and how complete they are."""
