"""Filters: conditions, how they are joined, parsed, simplified, and matched to keys."""
