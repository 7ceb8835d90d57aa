"""The small files that a library keeps in its data folder, beside the index and the mirror."""

from pathlib import Path

from core.ports.local_files import RecallLog, RunLog, StateFile


class DataFolder:
    """The data folder of a library, with the readers and writers of its small files."""

    def __init__(self, path: Path) -> None:
        self.path = path

    @property
    def thumbnails(self) -> Path:
        """The folder of the thumbnails."""
        return self.path / "thumbnails"

    def estimate_thumbnails(self) -> int:
        """Estimate the bytes of all thumbnails."""
        from core.adapters.local.thumbnails import ThumbnailFiles

        return ThumbnailFiles(self.thumbnails).estimate_bytes()

    @property
    def recaption_checkpoint(self) -> StateFile:
        """The file that records how far a recaptioning has got."""
        from core.adapters.local.json_file import JsonFile

        return JsonFile(self.path / "redo.json")

    @property
    def unjudged_captions(self) -> StateFile:
        """The file that records whose captions have not been compared with each other yet."""
        from core.adapters.local.json_file import JsonFile

        return JsonFile(self.path / "unjudged_captions.json")

    @property
    def text_checkpoint(self) -> StateFile:
        """The file that records how far a renewal of texts has got."""
        from core.adapters.local.json_file import JsonFile

        return JsonFile(self.path / "redo_text.json")

    @property
    def last_run(self) -> RunLog:
        """The record of when the library was last made equal to its sources."""
        from core.adapters.local.run_log import LastRunFile

        return LastRunFile(self.path / "last_run.json")

    @property
    def recall_log(self) -> RecallLog:
        """The last measurements of the library's recall."""
        from core.adapters.local.recall_log import RecallFile

        return RecallFile(self.path / "recall.json")
