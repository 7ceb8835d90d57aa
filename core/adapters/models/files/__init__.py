"""The files of models: shipped, in the cache of the hub, fetched, or in a folder of the user's."""
