"""The query language: what people type in the search bar."""
