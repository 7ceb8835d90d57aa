"""Tar files of pictures (WebDataset) as a source, in a folder or in a bucket."""
