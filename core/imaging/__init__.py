"""Image bytes -> upright pixels, as models and people see them. No model."""
