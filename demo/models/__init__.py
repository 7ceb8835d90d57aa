"""The demo models: their shapes and their training."""
