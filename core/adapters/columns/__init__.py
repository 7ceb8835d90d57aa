"""Records as columns: filters, counts, facets and orders are answered by scanning them."""
