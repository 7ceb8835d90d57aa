"""Encoders of pictures and texts into one space, by what their folder holds."""
