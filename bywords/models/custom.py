"""A `torch.nn.Module` of one's own → a model of the table, whose settings are the parameters of its `__init__`."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from dataclasses import field, fields, make_dataclass
from functools import partial
from typing import TYPE_CHECKING, Any, ClassVar, Self

import numpy as np

from bywords.checkpoint import check_like
from bywords.errors import SettingError, quoted, shown
from bywords.extras import needed
from bywords.forks import use_torch
from bywords.models.base import MODELS, Arrays, FittedModel, ModelConfig, model_class
from bywords.models.neural import PlainModel, arrays_of
from bywords.text.ragged import Ragged
from bywords.text.vocabulary import Vocabulary

if TYPE_CHECKING:
    from torch import nn

    from bywords.models.modules.layers import Model

EXAMPLE = "a class MyNet(nn.Module) with __init__(self, n_words, n_classes, hidden=64) and forward(self, ids, lengths)"
GIVEN = ("n_words", "n_classes", "vectors")  # parameters of `__init__` that are no settings


class CustomConfig(ModelConfig):
    """The settings of a custom module: the parameters of its `__init__` beside those that are GIVEN."""

    library = "torch"

    def __post_init__(self) -> None:
        for each in fields(self):  # type: ignore[arg-type]
            object.__setattr__(self, each.name, _setting(each.name, getattr(self, each.name)))

    def arguments(self) -> dict[str, Any]:
        """What the module is made with; without a `dimension` that only given vectors know."""
        values = {each.name: getattr(self, each.name) for each in fields(self)}  # type: ignore[arg-type]
        return {name: value for name, value in values.items() if name != "dimension" or value is not None}


class CustomModel(PlainModel):
    """A custom module that has been trained, on all threads that PyTorch has: it may be a large one."""

    n_training_threads = None
    plain: ClassVar[type[nn.Module]]

    def __init__(self, config: Any, module: Any) -> None:
        super().__init__(config, module)
        self.row_arrays = module.row_names  # type: ignore[misc]

    def __reduce__(self) -> Any:
        return _unpickled, (self.config, self.module)

    @classmethod
    def module_class(cls) -> Callable[..., Model]:
        use_torch()
        from bywords.models.modules.wrapper import Wrapper

        return partial(Wrapper, cls.plain)

    @classmethod
    def check_module(cls, module: Any, n_words: int) -> None:
        """Raises SettingError where it has no table of words, or no answer to one word alone."""
        import torch

        name = cls.plain.__name__
        if not module.row_names:
            raise SettingError(
                f"{name} has no nn.Embedding or nn.EmbeddingBag with a row for each of {n_words} words: make one, as "
                "in self.embedding = nn.Embedding(n_words, 100)."
            )
        try:
            with torch.inference_mode():
                module.eval()(Ragged.of([[]]))
        except (RuntimeError, IndexError, ValueError, TypeError) as error:
            if isinstance(error, SettingError):
                raise
            raise SettingError(f"{name} has no answer to a document of one word, as there are: {error}") from error

    @classmethod
    def from_arrays(cls, config: Any, arrays: Arrays, *, vocabulary: Vocabulary, n_classes: int) -> Self:
        """Raises SettingError where the arrays have other names, shapes or dtypes than those that the module has."""
        import torch

        n_words, vectors = vocabulary.n_rows(config.features), None
        if "vectors" in inspect.signature(cls.plain).parameters:
            tables = (value for name, value in arrays.items() if name.endswith(".weight") and value.ndim == 2)
            found = next((value for value in tables if len(value) == n_words), None)
            vectors = None if found is None else torch.from_numpy(np.array(found))
        module = cls.module_class()(
            config, n_words=n_words, n_classes=n_classes, generator=torch.Generator(), vectors=vectors
        )
        check_like(arrays, arrays_of(module))
        module.load_state_dict({name: torch.from_numpy(np.array(value)) for name, value in arrays.items()})
        return cls(config, module)


def model_of_module(module: Any) -> type[FittedModel]:
    """The model of a class of modules; its settings are `module.Config`, which is made here.

    Raises: SettingError for what is no class of modules, or one whose `__init__` takes no `n_words` and `n_classes`, or
    a parameter of a name that settings of all models have.
    """
    base = needed("torch", what="a model of a torch.nn.Module").nn.Module
    if not (isinstance(module, type) and issubclass(module, base)):
        is_made = " It is made in each fit anew, when words and classes are known." if isinstance(module, base) else ""
        raise SettingError(f"the module is {shown(module)}, expected {EXAMPLE}: the class itself.{is_made}")
    known: Any = MODELS.get(f"{module.__name__}Config")
    if getattr(known, "plain", None) is module:
        return known
    parameters = list(inspect.signature(module).parameters.values())
    if missing := [name for name in GIVEN[:2] if name not in {one.name for one in parameters}]:
        raise SettingError(f"__init__ of {module.__name__} takes no {quoted(missing)}, expected {EXAMPLE}.")
    settings: list[Any] = []
    for one in parameters:
        if one.name in GIVEN or one.kind in (one.VAR_POSITIONAL, one.VAR_KEYWORD):
            continue
        if hasattr(ModelConfig, one.name) and one.name != "dimension":
            raise SettingError(
                f"__init__ of {module.__name__} takes {one.name!r}, which settings have: call it otherwise."
            )
        default = None if one.name == "dimension" and "vectors" in inspect.signature(module).parameters else one.default
        settings.append((one.name, Any) if default is one.empty else (one.name, Any, field(default=default)))
    names = {"__module__": module.__module__, "__doc__": f"The settings of {module.__name__}."}
    config = make_dataclass("Config", settings, bases=(CustomConfig,), namespace=names, frozen=True, kw_only=True)
    config.__module__, config.__qualname__ = module.__module__, f"{module.__qualname__}.Config"
    setattr(module, "Config", config)  # noqa: B010 (mypy knows no such attribute); where pickle finds it
    more = {"Config": config, "plain": module, "__module__": module.__module__, "__qualname__": module.__qualname__}
    return type(module.__name__, (CustomModel,), more)


def _unpickled(config: ModelConfig, module: Any) -> Any:
    kind: Any = model_class(config)
    return kind(config, module)


def _setting(name: str, value: Any) -> Any:
    """A value as JSON has it and gives it back. Raises SettingError for any other."""
    if isinstance(value, list | tuple):
        return tuple(_setting(name, one) for one in value)
    if value is not None and not isinstance(value, bool | int | float | str):
        raise SettingError(f"{name} is {shown(value)}, expected a number, a string or several: settings are saved.")
    return value
