"""An ingest with every real part but the models, for a test to kill: `python library_run.py SOURCE DATA`."""

import sys
import time
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from core.adapters.decode_workers import DecodeWorkers
from core.adapters.folder_store import FolderStore
from core.adapters.qdrant_edge import EdgeIndex
from core.adapters.thumbnails import ThumbnailFiles
from core.images import ImageLimits
from core.index_ports import IndexInfo
from core.ports import ImageStore
from core.vectors import Matrix
from ingest.lock import RunLock
from ingest.parts import Options, Parts
from ingest.report import Report
from ingest.run import run_ingest
from tests.fakes import ColourCaptioner, ColourEncoder


class UnhurriedEncoder(ColourEncoder):
    def encode_images(self, pixels: np.ndarray) -> Matrix:
        time.sleep(0.01)
        return super().encode_images(pixels)


def main(source: Path, data: Path) -> Report:
    def store(name: str) -> ImageStore:
        return FolderStore(name, max_bytes=2**20)

    report = Report()
    with RunLock(data) as lock, DecodeWorkers(ImageLimits(), workers=2) as decoder:
        index = EdgeIndex.create(data / "index", IndexInfo("colours", "colours-1", ColourEncoder.dimension))
        thumbnails = ThumbnailFiles(data / "thumbnails")
        parts = Parts(
            index, UnhurriedEncoder, ColourCaptioner, decoder, thumbnails, store, Options(batch_size=4, thumbnail_px=64)
        )
        for _ in run_ingest(parts, [store(str(source))], report, sweep=lock.unclean):
            pass
        index.close()
        lock.ended_well()
    return report


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
