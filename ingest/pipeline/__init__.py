"""One run over the sources: plan, fetch, decode, encode, upsert, remove."""
