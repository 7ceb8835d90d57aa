"""Questions to pictures, and their answers."""
