"""A model cannot be used."""

from core.errors.base import BucketLensError
from core.errors.hints import ChooseAnswerer, ChooseModel, Configure, Hint, KeepModel, ModelSetting


class ModelError(BucketLensError):
    """A model cannot be used."""


class ModelUnavailable(ModelError):
    """A model that cannot be loaded. `setting` is the one that names it; without a `hint` the three ways out are."""

    def __init__(self, name: str, cause: str, hint: Hint | None = None, *, setting: ModelSetting = "model") -> None:
        super().__init__(f"model {name!r} cannot be loaded: {cause}", hint or ChooseModel(setting))
        self.name = name


class ModelMismatch(ModelError):
    """The library was built with another model; vectors of two models are never mixed."""

    def __init__(self, library: str, wanted: str) -> None:
        if library == wanted:
            super().__init__(
                f"the weights of the model {library} are not those that this library was built with; vectors of two "
                "models cannot be compared",
                Configure("put the old weights back, or give {} another folder for a new library", ("data",)),
            )
        else:
            super().__init__(
                f"this library was built with the model {library}, not with {wanted}; vectors of two models cannot be "
                "compared",
                KeepModel(library, wanted),
            )
        self.library = library
        self.wanted = wanted


class AnswererMissing(ModelError):
    """A question was put to a picture, and no model that answers is set."""

    exit_code = 2

    def __init__(self) -> None:
        super().__init__("no model is set that answers questions about pictures", ChooseAnswerer())


class AnswerLate(ModelError):
    """The model had said nothing when its time was over. `seconds`: how long it was given."""

    def __init__(self, seconds: float) -> None:
        super().__init__(
            f"the model gave no answer within {seconds:g} s", Configure("give it more with {}", ("ask_seconds",))
        )
        self.seconds = seconds
