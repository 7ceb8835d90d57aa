"""A mirror in one file, to be carried to another machine."""
