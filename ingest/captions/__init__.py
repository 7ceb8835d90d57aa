"""Captions that people and models wrote, given to indexed images."""
