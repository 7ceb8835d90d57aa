"""Reading the heads of weights files, and the names of other files in them, without loading any."""

from pathlib import Path

from core.adapters.models.onnx.external_data import check_model, is_inside


def check_safetensors(path: Path) -> None:
    """Read the header: every tensor within the file, none over another, none missing. Raises ValueError, OSError."""
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(path, framework="np") as file:
            if not list(file.keys()):
                raise ValueError("it holds no tensor")
    except SafetensorError as error:
        raise ValueError(f"it is no safetensors file: {error}") from error


def check_onnx(path: Path) -> None:
    """Read the model's fields, and see that its external data is beside it. Raises ValueError, OSError."""
    if trouble := check_model(path):
        raise ValueError(trouble)


def check_inside(location: str) -> None:
    """Raise ValueError for a path that leads out of the folder that it is relative to."""
    if not is_inside(location):
        raise ValueError(f"it refers to {location!r}, which is outside of its folder")
