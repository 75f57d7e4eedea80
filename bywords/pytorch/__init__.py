"""Texts and labels for PyTorch as everybody writes it: data sets, batches, plain modules, a training loop."""

from bywords.extras import needed

needed("torch", what="bywords.pytorch")  # says which extra to install
