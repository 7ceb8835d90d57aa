"""The serving process: one app, one socket, one library."""
