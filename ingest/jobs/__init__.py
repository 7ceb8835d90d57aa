"""Whole jobs on a library, each under its lock."""
