"""`auto` on very many documents on disk: candidates are compared on a sample, and the best are fitted to all."""

import time
from dataclasses import replace

import numpy as np
import pytest

from bywords.io.on_disk import Source, corpus_on_disk
from bywords.models.tfidf_linear import TfidfLinear
from bywords.system_config import FitParameters, SelectionConfig
from bywords.systems import NB, SYSTEMS
from bywords.text import memory_mapped
from bywords.text.bags import Bags
from bywords.training import model_selection
from bywords.training.callback import Callback
from bywords.training.on_disk import as_on_disk, fit_on_disk

N_SAMPLED = 60


@pytest.fixture(scope="module")
def corpus(tmp_path_factory):
    """Documents of two topics with a word in seven of the other, on disk for `auto`."""
    folder, generator = tmp_path_factory.mktemp("sampled"), np.random.default_rng(0)
    lines = [
        " ".join(f"{'ab'[code ^ (generator.random() < 0.15)]}{word}" for word in generator.zipf(1.3, 8) % 60)
        + f",{('no', 'yes')[code]}\n"
        for code in generator.integers(0, 2, 900)
    ]
    (folder / "texts.csv").write_text("text,label\n" + "".join(lines), encoding="utf-8")
    config = as_on_disk(SYSTEMS["auto"])
    source = Source(data=str(folder / "texts.csv"), validation_share=0.3)
    return corpus_on_disk(source, folder / "ids", config.tokenizer, config.vocabulary)


@pytest.fixture(autouse=True)
def small_sample(monkeypatch):
    monkeypatch.setattr(model_selection, "SAMPLED", N_SAMPLED)
    monkeypatch.setattr(model_selection, "SAMPLED_OF_CLASS", 1)


@pytest.fixture
def fits(monkeypatch):
    """The settings of each fit, and how many documents it was of, and the dual variables that it went on from."""
    fit, seen = TfidfLinear.fit.__func__, []

    def noting(cls, config, prepared, targets, **arguments):
        duals = arguments.get("duals")
        seen.append((config, len(targets), None if duals is None else len(duals)))
        return fit(cls, config, prepared, targets, **arguments)

    monkeypatch.setattr(TfidfLinear, "fit", classmethod(noting))
    return seen


@pytest.fixture
def best(monkeypatch):
    """What was best of the candidates on the sample, and then of those that were fitted to all documents."""
    select, found = model_selection._best_ensemble, []

    def noting(*arguments):
        members, *more = select(*arguments)
        found.append([member.config for member in members])
        return members, *more

    monkeypatch.setattr(model_selection, "_best_ensemble", noting)
    return found


def auto(corpus, n_parts=1, **arguments):
    config = SYSTEMS["auto"]
    return fit_on_disk(replace(config, model=config.model.in_parts(n_parts)), corpus, able=[], **arguments)


def bits(fitted):
    return [array.tobytes() for array in fitted.model.arrays().values()]


@pytest.mark.parametrize(("n_parts", "seed", "n_best"), [(1, 0, 3), (3, 0, 3), (1, 2, 1)])
def test_candidates_are_compared_on_a_sample_and_the_best_kinds_fitted_to_all_documents(
    corpus, fits, best, n_parts, seed, n_best
):
    auto(corpus, n_parts, parameters=FitParameters(seed=seed))
    n_train = len(corpus.train.codes)
    of_sample = [config for config, n_documents, _ in fits if n_documents == N_SAMPLED]
    of_all = [config for config, n_documents, _ in fits if n_documents == n_train]
    assert len(of_sample) + len(of_all) == len(fits)
    assert len({config.title for config in of_sample}) == 3
    assert {config.title for config in of_all} == {config.title for config in best[0]}
    assert len(best[0]) == n_best
    assert all(config.parts == 1 for config in of_sample)
    assert all(config.parts == n_parts for config in of_all)
    assert set(best[1]) <= set(of_all)


def test_the_reason_and_the_trials_say_what_was_judged_on_a_sample(corpus, fits):
    selection = auto(corpus).record.selection
    n_tried = sum(n_documents == N_SAMPLED for _, n_documents, _ in fits)
    assert f"of {n_tried} candidates" in selection.reason
    said = f"All {n_tried} were fitted to {N_SAMPLED} of the {len(corpus.train.codes)} documents to learn from, drawn"
    assert said in selection.reason
    names = [trial["name"] for trial in selection.trials if trial["name"] != "ensemble"]
    assert [name.endswith(f", of {N_SAMPLED} documents") for name in names] == [
        n_documents == N_SAMPLED for _, n_documents, _ in sorted(fits, key=lambda fit: fit[1])
    ]


def test_answers_for_documents_held_out_are_those_of_the_model_that_was_fitted_to_all(corpus):
    fitted = auto(corpus)
    (last,) = [trial for trial in fitted.record.selection.trials if trial["log_loss"] == min_loss(fitted)]
    answers = fitted.model.logits(corpus.valid.documents.select(np.arange(len(corpus.valid.codes))))
    assert last["accuracy"] == pytest.approx(np.mean(answers.argmax(axis=1) == corpus.valid.codes))
    idf = next(iter(fitted.model.members.values())).idf
    frequency = Bags.of(
        memory_mapped.JoinedDocuments(corpus.train.documents, corpus.valid.documents).select(
            np.arange(len(corpus.train.codes) + len(corpus.valid.codes))
        ),
        len(idf),
    ).document_frequency()
    assert ((idf > 0) == (frequency > 0)).all()


def min_loss(fitted):
    of_all = [trial for trial in fitted.record.selection.trials if " documents" not in trial["name"]]
    return min(trial["log_loss"] for trial in of_all)


def test_as_many_documents_as_are_not_very_many_are_all_learned_from_by_each_candidate(corpus, fits, monkeypatch):
    monkeypatch.setattr(model_selection, "SAMPLED", len(corpus.train.codes) // model_selection.MOST_TIMES + 1)
    reason = auto(corpus).record.selection.reason
    assert {n_documents for _, n_documents, _ in fits} == {len(corpus.train.codes)}
    assert "drawn at random" not in reason


def test_a_single_candidate_is_compared_with_none_and_fitted_once(corpus, fits):
    one = replace(SYSTEMS["auto"], model=SelectionConfig(candidates=(NB,)))
    fit_on_disk(one, corpus, able=[])
    assert [n_documents for _, n_documents, _ in fits] == [len(corpus.train.codes)]


def test_a_machine_goes_on_from_the_sample_and_smaller_strengths_are_tried_on_all_documents(corpus, fits, best):
    auto(corpus)
    n_train = len(corpus.train.codes)
    of_all = [(config, n_duals) for config, n_documents, n_duals in fits if n_documents == n_train]
    machines = [one for one in of_all if one[0].estimator != "nb"]
    firsts = {config.title: n_duals for config, n_duals in reversed(machines)}
    assert set(firsts.values()) == {N_SAMPLED}
    assert any(n_duals == n_train for _, n_duals in machines)  # from its neighbour of all documents
    for title in firsts:
        strengths = [config.C for config, _ in machines if config.title == title]
        (first,) = [config.C for config in best[0] if config.title == title]
        assert strengths == [C for C in (3.0, 1.0, 0.3, 0.1) if first >= C][: len(strengths)]
        assert len(strengths) > 1 or first == 0.1


def test_the_same_seed_draws_the_same_sample_and_another_seed_another(corpus):
    assert bits(auto(corpus)) == bits(auto(corpus))
    drawn = []
    for seed in (0, 1):
        generator = np.random.default_rng(seed)
        drawn.append(np.sort(generator.choice(len(corpus.train.codes), N_SAMPLED, replace=False)).tolist())
    assert drawn[0] != drawn[1]


def test_features_are_made_once_of_the_sample_and_once_of_all_documents(corpus, monkeypatch, best):
    prepare, made = TfidfLinear.prepare.__func__, []

    def noting(cls, config, documents, *arguments, **more):
        made.append((len(documents), config.features))
        time.sleep(0.05)  # so that another thread that asks for the same would not find it
        return prepare(cls, config, documents, *arguments, **more)

    monkeypatch.setattr(TfidfLinear, "prepare", classmethod(noting))
    auto(corpus, parameters=FitParameters(seed=1))
    assert [config.features for config in best[0]] == ["words", "words", "ngrams"]
    n_held_out = len(corpus.valid.codes)
    assert sorted(made) == sorted(
        [(N_SAMPLED + n_held_out, features) for features in ("words", "ngrams")]
        + [(len(corpus.train.codes) + n_held_out, features) for features in {config.features for config in best[0]}]
    )


class Interrupting(Callback):
    def __init__(self, after):
        self.after, self.said = after, []

    def step(self, n_done, n_steps, what):
        self.said.append((n_done, n_steps))
        if len(self.said) == self.after:
            raise KeyboardInterrupt


@pytest.mark.parametrize("after", [1, 3, 4])
def test_a_selection_that_is_interrupted_goes_on_to_the_same_bits(corpus, fits, tmp_path, after):
    whole = auto(corpus)
    n_fits, kept = len(fits), tmp_path / "kept"
    fits.clear()
    with pytest.raises(KeyboardInterrupt):
        auto(corpus, checkpoint=kept, callback=Interrupting(after))
    again = auto(corpus, checkpoint=kept, resume=True)
    assert bits(again) == bits(whole)
    assert again.record.selection == whole.record.selection
    assert len(fits) == n_fits


def test_progress_never_goes_back_and_ends_with_all_steps(corpus):
    hears = Interrupting(None)
    auto(corpus, callback=hears)
    done = [n_done / n_steps for n_done, n_steps in hears.said]
    assert done == sorted(done)
    assert done[0] < 0.2
    assert done[-1] == 1
