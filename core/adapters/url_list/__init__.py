"""A list of web addresses as a source."""
