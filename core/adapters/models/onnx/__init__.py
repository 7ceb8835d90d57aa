"""Encoders of ONNX folders as Immich publishes them, over ONNX Runtime and without torch."""
