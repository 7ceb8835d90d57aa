"""The small language that people type questions in."""
