"""Reading what is written in pictures."""
