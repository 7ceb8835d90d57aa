"""Commands that look at a library."""
