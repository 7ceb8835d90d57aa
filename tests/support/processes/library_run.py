"""An ingest with every real part but the models, for a test to kill: `python library_run.py SOURCE DATA`."""

import sys
import time
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parents[3]))

from core.adapters.decoding.pool import DecodeWorkers
from core.adapters.local.thumbnails import ThumbnailFiles
from core.adapters.qdrant_edge.index import EdgeIndex
from core.adapters.stores.folder import FolderStore
from core.domain.vectors import Matrix
from core.imaging.decode_request import ImageLimits
from core.ports.image_store import ImageStore
from core.ports.vector_index import IndexInfo
from ingest.jobs.full_sync import run_ingest
from ingest.jobs.run_lock import RunLock
from ingest.pipeline.run_context import Options, RunContext
from ingest.telemetry.report import Report
from tests.support.fakes import ColourCaptioner, ColourEncoder


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
        parts = RunContext(
            index, UnhurriedEncoder, ColourCaptioner, decoder, thumbnails, store, Options(batch_size=4, thumbnail_px=64)
        )
        for _ in run_ingest(parts, [store(str(source))], report, sweep=lock.unclean):
            pass
        index.close()
        lock.ended_well()
    return report


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
