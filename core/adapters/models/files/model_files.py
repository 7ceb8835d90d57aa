"""A model on this disk, located by its name in the catalog or by its folder."""

import os
from dataclasses import dataclass
from pathlib import Path

from core.adapters.models.files.error_summary import summarize
from core.adapters.models.files.folder_check import check_folder
from core.adapters.models.files.folder_layout import find_model_folder, read_kind
from core.adapters.models.files.hub import fetch
from core.adapters.models.files.snapshot import CONVERTED, find_local_folder
from core.adapters.models.onnx.folder import find_onnx_folder
from core.domain import model_catalog
from core.domain.model_catalog import SETTING, ModelCard, Role
from core.errors import ModelUnavailable
from core.errors.hints import ChooseModel


@dataclass(frozen=True, slots=True)
class ModelFiles:
    """The files of a model on this disk.

    `name` is the name or path to load it by again. `card` is None for a folder of the user's.
    """

    name: str
    role: Role
    folder: Path
    card: ModelCard | None = None

    @property
    def remark(self) -> str | None:
        return self.card.remark if self.card else None

    @property
    def safetensors(self) -> bool:
        """Whether the weights are safetensors; False only for a pickle of the catalog that was not converted."""
        return self.card is None or not self.card.pickled or (self.folder / CONVERTED).is_file()

    @property
    def kind(self) -> str:
        """The kind of its model (folder_layout.read_kind). Raises OSError, ValueError, AttributeError."""
        return read_kind(find_model_folder(self.folder) / "config.json")

    def make_error(self, cause: str) -> ModelUnavailable:
        """Return the error that says why this model cannot be used."""
        setting = SETTING[self.role]
        fetch = self.card.name if self.card and self.card.folder is None else None
        return ModelUnavailable(self.name, cause, ChooseModel(setting, fetch), setting=setting)

    def map_error(self, error: Exception) -> ModelUnavailable:
        """Map what a vendor raised while loading the model."""
        from safetensors import SafetensorError

        damaged = "its weights file is damaged: " if isinstance(error, SafetensorError) else ""
        return self.make_error(damaged + summarize(error))


def set_environment() -> None:
    """Set the environment variables that torch reads when it is loaded; those of the user stay.

    Waiting threads of OpenMP spin by default. Where other processes want the same cores, each operation waits for a
    thread that spins in vain. Measured on two busy cores, a text took 1,300 ms spinning and 11 ms passive. A batch of
    captions took 5 s and 0.2 s.
    """
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")  # else every later fork of this process warns


def locate(name_or_path: str, role: Role) -> ModelFiles:
    """Locate the files of a model of the catalog, fetched where they are not here yet, or of a local folder.

    Raises ModelUnavailable, within seconds where the hub cannot be reached.
    """
    card = model_catalog.find(name_or_path, role)
    if card is not None:
        folder = find_local_folder(card) or fetch(card)
        return ModelFiles(card.name, role, folder, card)
    given = Path(os.path.expanduser(name_or_path))  # pathlib raises for the home of nobody
    files = ModelFiles(str(given.absolute()), role, find_onnx_folder(given))
    if not files.folder.is_dir():
        known = ", ".join(model_catalog.names(role))
        raise ModelUnavailable(
            name_or_path,
            f"it is no folder, and no {role} of the table ({known})",
            setting=SETTING[role],
        )
    if cause := check_folder(files.folder, role):
        raise files.make_error(cause)
    return files
