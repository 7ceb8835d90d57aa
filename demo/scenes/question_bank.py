"""Questions for training and evaluation with every right answer known: texts, and a matrix of which scenes they fit.

A scene's caption alone teaches little about "a red car": the model may recognise the scene by anything else in it. So
training also asks short questions of every sort, of which each picture of a batch is a right or a wrong answer.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from demo.scenes import captions
from demo.scenes.backgrounds import BACKGROUNDS
from demo.scenes.captions import SHORT, GroupQuestion, Question, full_question, short_question, word_question
from demo.scenes.composition import RELATIONS, Scene
from demo.scenes.object_kinds import KINDS
from demo.scenes.palette import COLOURS

KIND_LIST, COLOUR_LIST, PLACE_LIST = list(KINDS), list(COLOURS), list(BACKGROUNDS)
SIZE_LIST = ["small", "medium", "large"]
SORT_WEIGHTS = {
    "kind": 1.0, "colour+kind": 2.5, "count+kind": 2.5, "background": 0.6, "kind+background": 0.8,
    "colour+kind+background": 1.0, "count+colour+kind": 2.0, "colour": 0.5, "size+kind": 0.5, "size+colour+kind": 0.5,
    "two kinds": 0.5, "two colour+kinds": 1.5, "relation": 1.5,
}  # fmt: skip
STRANGE_WORD = "zzz"


@dataclass(frozen=True, eq=False)
class SceneTable:
    """Scenes as numbers, for asking many questions of many scenes at once; -1 where there is no second group."""

    kind: NDArray[np.int8]  # (N, 2)
    colour: NDArray[np.int8]  # (N, 2)
    count: NDArray[np.int8]  # (N, 2)
    size: NDArray[np.int8]  # (N, 2)
    relation: NDArray[np.int8]  # (N,), -1 for none
    background: NDArray[np.int8]  # (N,)

    @classmethod
    def of(cls, scenes: Sequence[Scene]) -> SceneTable:
        traits = np.full((4, len(scenes), 2), -1, dtype=np.int8)
        for row, scene in enumerate(scenes):
            for column, group in enumerate(scene.groups):
                traits[:, row, column] = (
                    KIND_LIST.index(group.kind),
                    COLOUR_LIST.index(group.colour),
                    group.count,
                    SIZE_LIST.index(group.size),
                )
        relation = [RELATIONS.index(scene.relation) if scene.relation else -1 for scene in scenes]
        background = [PLACE_LIST.index(scene.background) for scene in scenes]
        kind, colour, number, size = traits
        return cls(kind, colour, number, size, np.array(relation, dtype=np.int8), np.array(background, dtype=np.int8))

    def rows(self, chosen: NDArray[np.int64]) -> SceneTable:
        return SceneTable(
            self.kind[chosen], self.colour[chosen], self.count[chosen], self.size[chosen], self.relation[chosen],
            self.background[chosen],
        )  # fmt: skip

    def answers(self, questions: Sequence[Question]) -> NDArray[np.bool_]:
        """Which scenes are right answers, (N, len(questions)); the same as `Question.fits` one by one."""
        columns = [self._answers(question) for question in questions]
        return np.stack(columns, axis=1) if columns else np.zeros((len(self.background), 0), dtype=np.bool_)

    def _answers(self, question: Question) -> NDArray[np.bool_]:
        right = np.ones(len(self.background), dtype=np.bool_)
        if question.background is not None:
            right = self.background == PLACE_LIST.index(question.background)
        if len(question.groups) == 1:
            right = right & self._match_groups(question.groups[0]).any(axis=1)
        elif question.groups:
            first, second = (self._match_groups(asked) for asked in question.groups)
            pairs = first[:, 0] & second[:, 1]
            if question.relation is None:
                pairs = pairs | (first[:, 1] & second[:, 0])
            else:
                pairs = pairs & (self.relation == RELATIONS.index(question.relation))
            right = right & pairs
        return right

    def _match_groups(self, asked: GroupQuestion) -> NDArray[np.bool_]:
        fits = self.kind >= 0  # (N, 2)
        if asked.kind is not None:
            fits = fits & (self.kind == KIND_LIST.index(asked.kind))
        if asked.colour is not None:
            fits = fits & (self.colour == COLOUR_LIST.index(asked.colour))
        if asked.count is not None:
            fits = fits & (self.count == asked.count)
        if asked.size is not None:
            fits = fits & (self.size == SIZE_LIST.index(asked.size))
        return fits


def mutate(question: Question, dice: random.Random) -> Question:
    """Change one thing of the question, so that its scene is most likely a wrong answer."""
    groups = list(question.groups)
    changes = ["background"] if question.background else []
    if len(groups) == 2:
        changes += ["exchange"] * 4 if groups[0].colour and groups[1].colour else []
        changes += ["reverse"] * 4 if question.relation else []
    if groups:
        changes += (
            ["kind"] + ["colour"] * (groups[0].colour is not None) + ["count"] * 2 * (groups[0].count is not None)
        )
    change = dice.choice(changes)
    if change == "background":
        return replace(question, background=dice.choice(PLACE_LIST))
    if change == "exchange":
        first, second = groups
        swapped = (replace(first, colour=second.colour), replace(second, colour=first.colour))
        return replace(question, groups=swapped)
    if change == "reverse":
        if dice.random() < 0.5:
            return replace(question, groups=(groups[1], groups[0]))
        return replace(question, relation=RELATIONS[1 - RELATIONS.index(question.relation or "above")])
    at = dice.randrange(len(groups))
    if change == "kind":
        groups[at] = replace(groups[at], kind=dice.choice(KIND_LIST))
    elif change == "colour":
        groups[at] = replace(groups[at], colour=dice.choice(COLOUR_LIST))
    else:
        groups[at] = replace(groups[at], count=dice.choice((1, 2, 3, 4)))
    return replace(question, groups=tuple(groups))


def _telling_words() -> frozenset[str]:
    nouns = {word for kind in KIND_LIST for word in (kind, captions.plural(kind))}
    nouns |= {
        word for pairs in captions.KIND_WORDS.values() for pair in pairs for text in pair for word in text.split()
    }
    return frozenset(nouns | set(COLOUR_LIST) | set(PLACE_LIST))


TELLING_WORDS = _telling_words()


def replace_telling_word(text: str, dice: random.Random) -> str | None:
    """Replace one telling word by one that means nothing; return None where there is none to replace."""
    words = text.split()
    places = [at for at, word in enumerate(words) if word in TELLING_WORDS]
    if not places:
        return None
    words[dice.choice(places)] = STRANGE_WORD
    return " ".join(words)


@dataclass(frozen=True, eq=False)
class Bank:
    """Texts, and for each scene and text whether they match."""

    texts: list[str]
    right: NDArray[np.bool_]  # (number of scenes, len(texts))


def caption_bank(scenes: Sequence[Scene], table: SceneTable, dice: random.Random) -> Bank:
    """One full caption for each scene, in its order: the canonical one or a paraphrase.

    `table` may go on after the scenes; the rows that follow are answers like the others.
    """
    questions = [full_question(scene, dice) for scene in scenes]
    texts = [
        captions.caption(scene) if dice.random() < 0.25 else word_question(question, dice)
        for scene, question in zip(scenes, questions, strict=True)
    ]
    right = table.answers(questions)
    np.fill_diagonal(right, True)
    return Bank(texts, right)


def question_bank(scenes: Sequence[Scene], table: SceneTable, number: int, dice: random.Random) -> Bank:
    """Ask short questions about the scenes, some with one thing changed, some with a word never seen."""
    sorts = dice.choices(SHORT, weights=[SORT_WEIGHTS[sort] for sort in SHORT], k=number)
    questions: list[Question] = []
    for sort in sorts:
        scene = dice.choice(scenes)
        question = full_question(scene, dice) if dice.random() < 0.08 else short_question(scene, sort, dice)
        questions.append(mutate(question, dice) if dice.random() < 0.25 else question)
    texts = [word_question(question, dice) for question in questions]
    right = table.answers(questions)
    for at in range(number):
        if dice.random() < 0.04 and (strange := replace_telling_word(texts[at], dice)):
            texts[at] = strange
            right[:, at] = False
    return Bank(texts, right)
