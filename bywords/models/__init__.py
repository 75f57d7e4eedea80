"""The neural models: one file a model, one row a model in `MODELS`.

A model is an `nn.Module` built as `Model(config, n_words=V, n_classes=K, generator=..., vectors=None or (V, D))`
that maps a `Ragged` batch of N documents to logits (N, K). A new row passes every test in `tests/test_models.py`
without a line of test code.
"""

from bywords.models.averaging import Averaging, AveragingConfig
from bywords.models.lstm import LSTM, LSTMConfig

MODELS = {
    AveragingConfig: Averaging,
    LSTMConfig: LSTM,
}

ModelConfig = AveragingConfig | LSTMConfig

__all__ = ["LSTM", "MODELS", "Averaging", "AveragingConfig", "LSTMConfig", "ModelConfig"]
