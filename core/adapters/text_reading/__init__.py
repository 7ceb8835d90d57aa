"""Readers of the text that is written in pictures."""
