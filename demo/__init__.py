"""Drawn sample pictures, and two small models trained on them, so that BucketLens works with no network at all."""
