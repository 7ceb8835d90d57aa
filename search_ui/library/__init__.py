"""The library of a serving process, shared by every session and thread of it."""
