"""Readers of formats that Pillow does not read, or does not read right."""
