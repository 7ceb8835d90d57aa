"""When the next run is, and what watchers see between runs."""
