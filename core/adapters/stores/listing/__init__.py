"""What is done to a listing on its way: patterns leave out, and sidecars find their pictures."""
