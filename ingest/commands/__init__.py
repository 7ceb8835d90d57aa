"""Commands that change a library."""
