"""Settings that were tried, and how well they did → settings to try next."""

from __future__ import annotations

from typing import Any, get_args

from bywords.extras import needed
from bywords.models.averaging import AveragingConfig
from bywords.models.base import ModelConfig
from bywords.models.tfidf_linear import TfidfConfig
from bywords.text.vocabulary import Features

KINDS = ("svc", "nb-svc", "nb", "dan")


class HyperparameterSearch:
    """Proposes settings by what did well before. Source: Bergstra et al. (2011), "Algorithms for Hyper-Parameter
    Optimization", the tree-structured Parzen estimator, as Optuna has it.
    """

    def __init__(self, *, seed: int) -> None:
        optuna = needed("optuna", what="a search with a time budget")
        optuna.logging.set_verbosity(optuna.logging.WARNING)
        self._study = optuna.create_study(sampler=optuna.samplers.TPESampler(seed=seed, n_startup_trials=8))
        self._trial: Any = None

    def propose(self) -> ModelConfig:
        """Settings to try next."""
        self._trial = trial = self._study.ask()
        kind = trial.suggest_categorical("kind", KINDS)
        features: Features = trial.suggest_categorical("features", get_args(Features))
        if kind == "dan":
            return AveragingConfig(
                dimension=trial.suggest_categorical("dimension", (32, 64, 128)),
                hidden_layers=trial.suggest_int("hidden_layers", 0, 2),
                dropout=trial.suggest_float("dropout", 0.0, 0.6),
                word_dropout=trial.suggest_float("word_dropout", 0.0, 0.6),
                weighting="log-tfidf",
                start=0.03,
                features=features,
                by_row=True,
            )
        if kind == "nb":
            alpha = trial.suggest_float("alpha", 0.01, 3.0, log=True)
            return TfidfConfig(estimator="nb", alpha=alpha, sublinear=True, features=features)
        C = trial.suggest_float("C", 0.05, 20.0, log=True)
        if kind == "svc":
            return TfidfConfig(estimator="svc", C=C, sublinear=True, features=features)
        interpolation = trial.suggest_float("interpolation", 0.0, 1.0)
        return TfidfConfig(estimator="nb-svc", C=C, sublinear=True, features=features, interpolation=interpolation)

    def learn(self, log_loss: float) -> None:
        """How well the last proposal did; less is better."""
        self._study.tell(self._trial, log_loss)
