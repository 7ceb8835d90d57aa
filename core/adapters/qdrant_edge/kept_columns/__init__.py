"""The kept columns of an embedded library: files beside its shard, and a journal of what was written since."""
