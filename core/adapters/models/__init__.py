"""The models: CLIP, captioners, and what they are read from."""
