"""Where the published recalls of the table come from."""

from core.domain.model_catalog.card import PublishedRecall


def open_clip(first: float, five: float, ten: float, row: str) -> PublishedRecall:
    """Return a row of OpenCLIP's table of retrieval results, in percent."""
    figures = f"MS-COCO text to picture: R@1 {first} %, R@5 {five} %, R@10 {ten} %"
    return PublishedRecall(figures, f"OpenCLIP, docs/openclip_retrieval_results.csv, row {row}")


def crossmodal(mean: float, row: str) -> PublishedRecall:
    """Return a row of the tables in Immich's documentation, in percent."""
    figures = f"Crossmodal-3600 text to picture, English: mean of R@1, R@5 and R@10 {mean} %"
    return PublishedRecall(figures, f"Immich, documentation of searching, row {row}")


def big_vision(first: float, row: str) -> PublishedRecall:
    """Return a row of the table that the authors of SigLIP 2 publish with its weights, in percent."""
    source = f"Big Vision, big_vision/configs/proj/image_text/README_siglip2.md, row {row}"
    return PublishedRecall(f"MS-COCO text to picture: R@1 {first} %", source)
