"""The models: CLIP encoders and captioners, their files, and a reader of computed vectors."""
