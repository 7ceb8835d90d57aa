"""The approximate index of an embedded library: how it is made up, built and asked."""
