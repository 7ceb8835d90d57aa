"""AnswerService: a question and pictures -> answers, over ports only."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

import numpy as np

from core.answering.question import check_question
from core.domain.image import ImageRecord
from core.errors import AnswerLate, BucketLensError, ImageChanged, ImageError, ImageUnreadable
from core.imaging.decode_request import Decoded, DecodeRequest, Pixels, PixelSpec
from core.ports.decoder import Decoder
from core.ports.encoders import Answer, Answerer
from core.ports.image_store import ImageStore

MAX_PICTURES = 50  # of one question
STORE_PATIENCE = 5.0  # seconds that somebody who asks waits for a store that does not answer
_AT_ONCE = 4  # pictures that the model is shown together
_SILENCE = "the model had nothing to say"

Going = Callable[[], object]


@dataclass(frozen=True, slots=True)
class PictureAnswer:
    """The answer about one picture. `record` is None for a picture that was given as a file.

    `text` is None where there is no answer; `problem` says why. `truncated` is what ended it before its end.
    `asked_of` is "thumbnail" where the picture could not be had; `problem` says why.
    """

    text: str | None
    record: ImageRecord | None = None
    truncated: Literal["time", "length"] | None = None
    asked_of: Literal["picture", "thumbnail"] | None = "picture"
    problem: str | None = None

    @property
    def remarks(self) -> tuple[str, ...]:
        """What a person should know of the answer, in sentences."""
        seen = f"asked of the thumbnail: {self.problem}" if self.asked_of == "thumbnail" and self.text else self.problem
        cut = {"time": "the time was over before the answer was", "length": "the answer was cut at its longest"}
        return tuple(told for told in (seen, cut[self.truncated] if self.truncated and self.text else None) if told)

    def to_dict(self) -> dict[str, Any]:
        """Tell it as the terminal and programs see it."""
        image_id, uri = (None, None) if self.record is None else (self.record.id, self.record.uri)
        said = {"answer": self.text, "truncated": self.truncated, "asked_of": self.asked_of, "problem": self.problem}
        return {"id": image_id, "uri": uri} | said


@dataclass(frozen=True, slots=True)
class _Seen:
    """A picture as the model is shown it: its pixels, or why there are none."""

    pixels: Pixels | None
    asked_of: Literal["picture", "thumbnail"] | None = "picture"
    problem: str | None = None


class AnswerService:
    """Puts questions to pictures. The model and the decoder are made at their first use."""

    def __init__(
        self,
        answerer: Callable[[], Answerer],
        decoder: Callable[[], Decoder],
        open_store: Callable[..., ImageStore],
        thumbnail: Callable[[str], bytes | None],
        seconds: float,
    ) -> None:
        """`seconds` is the longest time for one picture. `thumbnail` gives the JPEG of an image's id."""
        self._answerer = answerer
        self._decoder = decoder
        self._open_store = open_store
        self._thumbnail = thumbnail
        self._seconds = seconds

    @property
    def answerer(self) -> Answerer:
        """The model that answers. Raises AnswererMissing, ModelUnavailable."""
        return self._answerer()

    def ask_picture(self, data: bytes, question: str, going: Going | None = None) -> PictureAnswer:
        """Answer a question about the picture in a file's bytes.

        `going` is called often, and ends the work by raising.
        Raises InvalidQuery, ImageError, AnswerLate, AnswererMissing, ModelUnavailable.
        """
        question, answerer = check_question(question), self.answerer
        pixels = self._decode(data, DecodeRequest(answerer.pixels)).pixels
        assert pixels is not None
        answer = answerer.answer(pixels[np.newaxis], question, seconds=self._seconds, going=going)[0]
        return self._require_words(_tell(answer, _Seen(pixels), self._seconds))

    def ask_image(self, record: ImageRecord, question: str, going: Going | None = None) -> PictureAnswer:
        """Answer a question about an image of the library, read from its source or else from its thumbnail.

        Raises as `ask_picture` does; ImageUnreadable where there is no thumbnail either.
        """
        answer = next(self.ask_images([record], question, going))
        if answer.asked_of is None:
            raise ImageUnreadable(answer.problem or "it cannot be read")
        return self._require_words(answer)

    def ask_images(
        self, records: Sequence[ImageRecord], question: str, going: Going | None = None
    ) -> Iterator[PictureAnswer]:
        """Answer a question about each of these images, in their order. One that cannot be read has a problem.

        Raises InvalidQuery, AnswererMissing, ModelUnavailable.
        """
        question, answerer = check_question(question), self.answerer
        for first in range(0, len(records), _AT_ONCE):
            some, seen = records[first : first + _AT_ONCE], []
            for record in some:
                if going is not None:
                    going()
                seen.append(self._see(record, answerer.pixels))
            shown = [each.pixels for each in seen if each.pixels is not None]
            seconds = self._seconds * len(shown)
            said = iter(answerer.answer(np.stack(shown), question, seconds=seconds, going=going) if shown else [])
            for record, each in zip(some, seen, strict=True):
                if each.pixels is None:
                    yield PictureAnswer(None, record, asked_of=None, problem=each.problem)
                else:
                    yield replace(_tell(next(said), each, self._seconds), record=record)

    def _require_words(self, answer: PictureAnswer) -> PictureAnswer:
        if answer.text is None and answer.truncated == "time":
            raise AnswerLate(self._seconds)
        return answer

    def _see(self, record: ImageRecord, spec: PixelSpec) -> _Seen:
        """Read the very picture that is indexed, or else its thumbnail."""
        try:
            data = self._open_store(record.source, patience_s=STORE_PATIENCE).read(record.ref)
            decoded = self._decode(data, DecodeRequest(spec, name=record.ref.name))
            if record.content_hash in (None, decoded.content_hash):
                return _Seen(decoded.pixels)
            problem = "another picture is there now"
        except ImageChanged:
            problem = "another picture is there now"
        except BucketLensError as error:  # of the image, of its store, or of a source that is no longer there
            problem = error.reason
        thumbnail = self._thumbnail(record.id)
        if thumbnail is None:
            return _Seen(None, None, f"{problem}, and it has no thumbnail")
        try:
            return _Seen(self._decode(thumbnail, DecodeRequest(spec)).pixels, "thumbnail", problem)
        except ImageError as error:
            return _Seen(None, None, f"{problem}, and its thumbnail is damaged: {error.reason}")

    def _decode(self, data: bytes, request: DecodeRequest) -> Decoded:
        return self._decoder().submit(data, request).result()


def _tell(answer: Answer, seen: _Seen, seconds: float) -> PictureAnswer:
    """Tell what the model said of what it was shown; words are missing only with a problem."""
    if answer.text:
        return PictureAnswer(answer.text, None, answer.truncated, seen.asked_of, seen.problem)
    problem = AnswerLate(seconds).reason if answer.truncated == "time" else _SILENCE
    return PictureAnswer(None, None, answer.truncated, seen.asked_of, problem)
