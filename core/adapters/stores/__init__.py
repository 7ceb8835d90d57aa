"""Sources of pictures: folders, buckets, and imported vectors."""
