"""How fast do raw texts become word ids, beside scikit-learn's vectoriser and Hugging Face's word-level tokenizer?

The job: from a list of strings, count the words, keep all, and encode every text. Claims: at least 18 times as fast as
`CountVectorizer.fit_transform`, which leaves signs out, as ours does beside it; and 15 times as fast as a word-level
`Tokenizer`, trained and then encoding in batches, with signs in both. The same from a column of polars, of which no
string is made, is shown beside it.
All reviews of imdb (33 MB), two threads where a library can use them; medians of five runs in turn.

Then the same of other scripts: 8 MB each of words drawn by Zipf's law from 50,000 that are made of a block of Unicode,
and a file of texts that is given (`python benchmarks/text_to_ids.py texts.txt`, one a line), as a share of the bytes a
second of words in ASCII. Claims: Russian, Arabic, Korean, Thai and Latin with accents at .5 of them or more, Chinese
and Japanese at .3. Of scripts without spaces each character and each pair of neighbours is a token: 5.3 million of
them in 8 MB of Chinese, and 2.0 million in ASCII, and 336,000 distinct ones against 43,000.
"""

from __future__ import annotations

import sys
from functools import partial
from pathlib import Path

import numpy as np
import polars as pl
from measure import median_seconds, write_result
from sklearn.feature_extraction.text import CountVectorizer
from tokenizers import Tokenizer as WordLevelTokenizer
from tokenizers.models import WordLevel
from tokenizers.normalizers import Lowercase
from tokenizers.pre_tokenizers import Whitespace
from tokenizers.trainers import WordLevelTrainer

from bywords.io.datasets import load_dataset
from bywords.text.tokenizer import Tokenizer, TokenizerConfig
from bywords.text.vocabulary import Vocabulary

N_TIMES = {"scikit-learn": 18, "Hugging Face": 15}
N_BYTES, N_WORDS = 8_000_000, 50_000
LETTERS = {
    "ASCII": "abcdefghijklmnopqrstuvwxyz",
    "accented": 5 * "abcdefghijklmnoprstuvz" + "àâçéèêëîïôùûüñóáíúößäœčšžěř",
    "Russian": "абвгдежзийклмнопрстуфхцчшщъыьэюя",
    "Arabic": "ابتثجحخدذرزسشصضطظعغفقكلمنهوي",
    "Korean": "".join(map(chr, range(0xAC00, 0xAC00 + 600))),
    "Thai": 30 * "กขคงจฉชซญณดตถทธนบปผพฟมยรลวศสหอะาำเแโใไ",
    "Japanese": 8 * "".join(map(chr, range(0x3042, 0x3094))) + "".join(map(chr, range(0x4E00, 0x4E00 + 2000))),
    "Chinese": "".join(map(chr, range(0x4E00, 0x4E00 + 3000))),
}
SHARE_OF_ASCII = {
    **dict.fromkeys(("accented", "Russian", "Arabic", "Korean", "Thai"), 0.5),
    **dict.fromkeys(("Japanese", "Chinese"), 0.3),
}


def main() -> None:
    """Time the three, and assert the claims."""
    split = load_dataset("imdb")
    texts = [*split.train.texts, *split.test.texts]
    n_bytes = sum(len(text.encode()) for text in texts)

    def scikit_learn() -> None:
        CountVectorizer().fit_transform(texts)

    def hugging_face() -> None:
        tokenizer = WordLevelTokenizer(WordLevel(unk_token="<unk>"))
        tokenizer.normalizer = Lowercase()
        tokenizer.pre_tokenizer = Whitespace()
        tokenizer.train_from_iterator(texts, WordLevelTrainer(vocab_size=1_000_000, show_progress=False))
        for start in range(0, len(texts), 1000):
            for encoding in tokenizer.encode_batch(texts[start : start + 1000]):
                encoding.ids  # noqa: B018 (they are made when they are asked for)

    seconds = median_seconds(
        {
            "bywords": partial(encode, texts),
            "bywords, no signs": partial(encode, texts, punctuation=False),
            "bywords, a column": partial(encode, pl.Series(texts), punctuation=False),
            "scikit-learn": scikit_learn,
            "Hugging Face": hugging_face,
        }
    )
    times = {
        "scikit-learn": seconds["scikit-learn"] / seconds["bywords, no signs"],
        "Hugging Face": seconds["Hugging Face"] / seconds["bywords"],
    }
    for name, value in seconds.items():
        print(f"{name:18} {value:6.2f} s  {n_bytes / value / 1e6:6.1f} MB/s")
    print(", ".join(f"{value:.1f} times as fast as {name}" for name, value in times.items()))
    shares = shares_of_ascii()
    print(", ".join(f"{name} at {value:.2f} of ASCII's speed" for name, value in shares.items()))
    result = {"seconds": seconds, "n_bytes": n_bytes, "times_as_fast_as": times, "share_of_ascii": shares}
    write_result("text_to_ids", result)
    assert all(times[name] >= least for name, least in N_TIMES.items()), times
    assert all(shares[name] >= least for name, least in SHARE_OF_ASCII.items()), shares


def encode(texts: list[str] | pl.Series, *, punctuation: bool = True) -> None:
    """Count the words of the texts, keep all, and encode them."""
    tokens = Tokenizer(TokenizerConfig(punctuation=punctuation))(texts)
    Vocabulary.of(tokens).encode(tokens)


def shares_of_ascii() -> dict[str, float]:
    """The bytes a second of each script, and of the file that is given, as a share of those of ASCII."""
    scripts = {name: made_of(letters) for name, letters in LETTERS.items()}
    if len(sys.argv) > 1:
        scripts[Path(sys.argv[1]).name] = Path(sys.argv[1]).read_text(encoding="utf-8").splitlines()
    seconds = median_seconds({name: partial(encode, texts) for name, texts in scripts.items()})
    speeds = {name: sum(len(text.encode()) for text in scripts[name]) / value for name, value in seconds.items()}
    return {name: speed / speeds["ASCII"] for name, speed in speeds.items()}


def made_of(letters: str) -> list[str]:
    """Texts of about 1,000 bytes of words of these letters, frequent ones short; without blanks of 1,000 or more."""
    generator = np.random.default_rng(0)
    is_spaced = len(letters) < 1000
    lengths = 1 + generator.poisson(np.log2(2 + np.arange(N_WORDS)) / 2.5)
    words = ["".join(generator.choice(list(letters), length if is_spaced else 1 + length // 4)) for length in lengths]
    ranks = np.minimum(generator.zipf(1.2, N_BYTES // 4), N_WORDS) - 1
    whole = (
        (" " if is_spaced else "").join([words[rank] for rank in ranks]).encode()[:N_BYTES].decode("utf-8", "ignore")
    )
    step = 1000 * len(whole) // N_BYTES
    return [whole[start : start + step] for start in range(0, len(whole), step)]


if __name__ == "__main__":
    main()
