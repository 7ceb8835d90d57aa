"""What readers of lists, of caption files and of vectors share: tables in text, JSON, Parquet and Arrow files."""
