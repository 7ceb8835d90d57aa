"""Decoding in supervised worker processes, which may crash, hang or be killed."""
