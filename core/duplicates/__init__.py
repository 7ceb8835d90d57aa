"""Pictures that a library holds more than once: by their bytes, and by what they show."""
