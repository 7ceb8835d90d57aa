"""Files of vectors that were computed before: NumPy, PyTorch, Parquet and Arrow, and the folders of clip-retrieval."""
