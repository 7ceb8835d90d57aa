"""Results as pictures and HTML, for terminals and notebooks."""
