"""Files -> pixels as they are stored, within the limits on one image."""
