"""A plain module as the systems train one: it draws from a generator of its own, and reads documents without padding.

Its names are those of the plain module, so that what it learns is saved under them.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn

from bywords.errors import SettingError
from bywords.models.modules.batches import call_of
from bywords.models.modules.layers import Model
from bywords.text.ragged import Ragged


class Wrapper(Model):
    """A plain module, made of `arguments`, that takes documents; `module` is it.

    What it draws while it is made and trained, dropout say, comes from `generator`: its state is kept in checkpoints.
    """

    row_prefix = "module."

    def __init__(
        self,
        plain: Callable[..., nn.Module],
        config: Any,
        *,
        n_words: int,
        n_classes: int,
        generator: torch.Generator,
        vectors: Tensor | None = None,
    ) -> None:
        super().__init__()
        self.generator, self.n_classes = generator, n_classes
        given = {} if vectors is None else {"vectors": vectors}
        if given and "vectors" not in inspect.signature(plain).parameters:
            name = getattr(plain, "__name__", plain)
            raise SettingError(
                f"{name} takes no word vectors: give its __init__ a parameter `vectors`, a tensor (V, D)."
            )
        with drawing_from(generator):
            self.module = plain(n_words=n_words, n_classes=n_classes, **given, **config.arguments())
        tables = (nn.Embedding, nn.EmbeddingBag)
        self.row_names = tuple(
            f"{name}.weight"
            for name, layer in self.module.named_modules()
            if isinstance(layer, tables) and layer.num_embeddings == n_words
        )

    def forward(self, batch: Ragged) -> Tensor:
        call = call_of(self.module)
        if self.training:
            with drawing_from(self.generator):
                logits = call(call.batch_of(batch))
        else:
            logits = call(call.batch_of(batch))
        if logits.shape[1] != self.n_classes:
            raise SettingError(
                f"{type(self.module).__name__} gives {logits.shape[1]} logits a document, expected one for each of "
                f"{self.n_classes} classes: make its last layer of `n_classes`."
            )
        return logits

    def generators(self) -> list[torch.Generator]:
        return [self.generator]

    def state_dict(self, *args: Any, **more: Any) -> Any:
        return self.module.state_dict(*args, **more)

    def load_state_dict(self, state_dict: Mapping[str, Any], *args: Any, **more: Any) -> Any:
        return self.module.load_state_dict(state_dict, *args, **more)

    def named_parameters(self, *args: Any, **more: Any) -> Iterator[tuple[str, nn.Parameter]]:
        return self.module.named_parameters(*args, **more)


@contextmanager
def drawing_from(generator: torch.Generator) -> Iterator[None]:
    """Within it PyTorch's global generator goes on from this one; then it is as it was, and this one has gone on."""
    with torch.random.fork_rng(devices=[]):
        torch.set_rng_state(generator.get_state())
        try:
            yield
        finally:
            generator.set_state(torch.get_rng_state())
