"""Runtimes of an encoder's towers: graphs exported from torch, and which runtime is the fastest here."""
