"""Captions and questions as words: analysed, weighed, and made safe to show."""
