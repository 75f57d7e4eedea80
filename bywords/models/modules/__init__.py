"""The neural models: one file a model, one row a model in `MODELS`.

A model is a `Model` built as `Model(config, n_words=V, n_classes=K, generator=..., vectors=None or (V, D))`. It
prepares a `Ragged` of documents once, and maps batches of what that gave, of N documents, to logits (N, K). A new row
passes every test in `tests/test_models.py` without a line of test code.
"""

from bywords.models.averaging import AveragingConfig
from bywords.models.modules.averaging import Averaging
from bywords.models.modules.layers import Batch, Model
from bywords.models.modules.lstm import LSTM, LSTMConfig

MODELS = {
    AveragingConfig: Averaging,
    LSTMConfig: LSTM,
}

ModelConfig = AveragingConfig | LSTMConfig

__all__ = ["LSTM", "MODELS", "Averaging", "AveragingConfig", "Batch", "LSTMConfig", "Model", "ModelConfig"]
