"""The only importers of heavy vendors, one vendor a file."""
