"""How well searches find what is known to be right."""
