"""Drawn sample pictures and their captions."""
