"""Keeps the library equal to its sources: list, plan, read, decode, encode, upsert; captions follow."""
