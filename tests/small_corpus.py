"""A corpus that every system learns in a second: three topics with words of their own, and common ones."""

import numpy as np

from bywords.config import changed
from bywords.data.corpus import Corpus, Split
from bywords.system_config import SystemConfig
from bywords.systems import SYSTEMS
from bywords.vectors.load import PretrainedConfig

TOPICS = {
    "space": ["orbit", "moon", "rocket", "nasa", "shuttle", "launch"],
    "sport": ["goal", "team", "hockey", "season", "player", "coach"],
    "motor": ["engine", "car", "oil", "wheel", "brake", "tire"],
}
COMMON = ["the", "a", "of", "is", "and", "it", "was", ",", "."]

# Settings that make a system small; every system of the table has its own or needs none.
SMALLER = {
    "glove-corpus-mean": ["vectors.dimension=8", "vectors.n_epochs=5", "vocabulary.min_count=1"],
    "word2vec-mean": ["vectors.dimension=8", "vectors.n_epochs=20", "vectors.sample=0", "vocabulary.min_count=1"],
    "averaging": ["model.dimension=16", "training.max_epochs=8"],
    "averaging-glove": ["training.max_epochs=12", "training.learning_rate=0.05"],
    "averaging-glove-frozen": ["training.max_epochs=30", "training.batch_size=32"],
    "lstm": ["model.dimension=16", "model.hidden=12", "training.max_epochs=6", "training.learning_rate=0.02"],
    "lstm-glove": ["model.hidden=12", "training.max_epochs=6", "training.learning_rate=0.02"],
    "gru": ["model.dimension=16", "model.hidden=12", "training.max_epochs=6", "training.learning_rate=0.02"],
    "gru-glove": ["model.hidden=12", "training.max_epochs=6", "training.learning_rate=0.02"],
    "cnn": ["model.dimension=16", "model.n_filters=12", "training.max_epochs=6", "training.learning_rate=0.02"],
    "cnn-glove": ["model.n_filters=12", "training.max_epochs=6", "training.learning_rate=0.02"],
}


def small_corpus(n_documents: int = 150, *, seed: int = 0, name: str = "small") -> Corpus:
    generator = np.random.default_rng(seed)
    labels = [list(TOPICS)[number % 3] for number in range(n_documents)]
    texts = [
        " ".join([*generator.choice(TOPICS[label], 3), *generator.choice(COMMON, int(generator.integers(1, 9)))])
        for label in labels
    ]
    return Corpus.of(name, texts, labels)


def small_split() -> Split:
    return Split(small_corpus(), small_corpus(60, seed=1))


def write_small_glove(folder) -> str:
    """A GloVe file that has a vector for most words of the corpus."""
    generator = np.random.default_rng(0)
    path = folder / "small.glove.txt"
    lines = []
    for index, words in enumerate([*TOPICS.values(), COMMON]):
        for word in words[:-1]:
            numbers = generator.normal(size=4) * 0.3 + 2 * np.eye(4)[index]
            lines.append(" ".join([word, *(f"{number:.4f}" for number in numbers)]))
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return str(path)


def small_system(name: str, vectors: str) -> SystemConfig:
    """The system of the table, made small; pre-trained ones read `vectors`."""
    config = changed(SYSTEMS[name], SMALLER.get(name, []))
    if isinstance(config.vectors, PretrainedConfig):
        config = changed(config, [f"vectors.name={vectors}"])
    return config
