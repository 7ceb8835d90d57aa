"""What a search is about: images, questions, filters and answers. Pure values, no adapter."""
