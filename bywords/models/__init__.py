"""The models: one file a model, one row a model in the table below.

`base` has what all share; `modules` has what PyTorch trains, and is not imported before it is needed. A new row passes
every test in `tests/test_models.py` without a line of test code.
"""

from bywords.models.averaging import Averaging
from bywords.models.base import register_model
from bywords.models.cnn import CNN
from bywords.models.ensemble import Ensemble
from bywords.models.gru import GRU
from bywords.models.label_tree import LabelTree
from bywords.models.lstm import LSTM
from bywords.models.mean_vector import MeanVector
from bywords.models.static_vectors import StaticVectors
from bywords.models.tfidf_linear import TfidfLinear

for _model in (TfidfLinear, MeanVector, StaticVectors, Averaging, LSTM, GRU, CNN, LabelTree, Ensemble):
    register_model(_model)
