"""Several rank lists -> one ranking, the same on every backend.

An index can fuse lists itself (RRF, DBSF), but then tells neither score nor rank of a hit in each list. It also leaves
to chance which of equal pictures it cuts off. So indexes answer list by list, and the lists are fused here.
"""

from collections.abc import Mapping

from core.domain.image import ListName
from core.domain.query import Weights
from core.ports.rank_lists import DIGITS, EVEN, Shortlist
from core.text.bm25 import FULL
from core.text.word_lists import WORD_FIELDS

_FAINT = 1e-3  # where the best BM25 score is no higher, no wanted word outweighs the unwanted ones


def fuse(
    shortlists: Mapping[ListName, Shortlist], scores: Mapping[ListName, Mapping[str, float]], weights: Weights
) -> dict[str, float]:
    """Compute the match of every image that has a score in any list: 1 is the best of every list.

    A match below 0 is warned against, by words that are not wanted.

    A convex combination of normalised scores (Bruch, Gai & Ingber, "An Analysis of Fusion Functions for Hybrid
    Retrieval", ACM TOIS 42:1, 2023, section 4: it retrieves better than reciprocal rank fusion, and needs few
    examples to weigh). A list's scores are scaled so that its best is 1; 0 is the shortlist's last for cosines, of
    which the lower ones tell nothing, and no word in common for a list of words. A list that has no score for an image
    counts as 0; one that found nothing at all is left out of the sum of the weights.

    Text, places and names are scaled by what a picture scores that holds all of the question's words (FULL), or by
    their best if that is more. One word of five is then about a fifth, though nothing holds more. R@1 of human
    captions by words (0.5) and misleading signs (text 0.5): 0.688 so, 0.262 scaled by the best, 0.688 without the list
    (demo.evaluation.measure_lists).

    nDCG@10 of 360 questions to 1,000 drawn scenes that the demo models never saw: image alone 0.954, caption 0.897,
    words 0.800; weighted 1, 0.25, 0.25: 0.959; 1, 0.5, 0.5: 0.956, where reciprocal rank fusion reaches 0.951 (k = 2)
    and 0.945 (k = 60). Where the image alone hardly errs, the others add little to it (demo.evaluation.measure_fusion).

    On photographs words add more. AP of 224 questions ("a X", real ViT-B/32 vectors) to 493 pictures of which two human
    captions are known, answers being what the three others name: image alone 0.288, words alone 0.505; words weighted
    0.05: 0.312; 0.2: 0.383; 0.5: 0.494; 1: 0.558; 2: 0.568. What captions name is not all that pictures show, which
    favours words there; so 0.5 was chosen, the most that costs drawn scenes nothing. The weight of what captions mean
    could not be chosen so: there were no real vectors of captions.
    """
    total = sum(getattr(weights, name) for name, one in shortlists.items() if one.best is not None)
    matches: dict[str, float] = {}
    for name, shortlist in shortlists.items():
        share = getattr(weights, name) / (total or 1.0)
        best, last = shortlist.best or 0.0, shortlist.last or 0.0
        if name in WORD_FIELDS:
            last, lowest = 0.0, -1.0
            best = max(best, FULL) if name != "words" else best if best > _FAINT else 1.0
        else:
            lowest = 0.0
        even, width = best - last < EVEN, best - last
        for image_id, score in scores[name].items():
            scaled = float(score > last - EVEN) if even else (score - last) / width
            scaled = 1.0 if scaled > 1.0 else lowest if scaled < lowest else scaled
            matches[image_id] = matches.get(image_id, 0.0) + share * scaled
    return {image_id: round(match, DIGITS) for image_id, match in matches.items()}
