"""Made pictures of text with known words, and how well they are read."""
