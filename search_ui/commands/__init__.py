"""Commands that ask a library."""
