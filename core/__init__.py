"""What a search is: records, queries, words, vectors, ports. Imports no model, database or web library."""
