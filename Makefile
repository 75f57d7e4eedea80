# `make` alone lists the targets. Each sets up .venv by itself when it is missing or older than the pins.

PYTHON ?= $(shell command -v python3.11 || command -v python3)
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/installed
LAB_STAMP := $(VENV)/installed-lab

# Asleep, the threads of PyTorch do not hinder other work on the machine; see bywords/cli/main.py.
export OMP_WAIT_POLICY ?= PASSIVE

.DEFAULT_GOAL := help
.PHONY: help install wheel english-vectors demo test coverage check format bench docs lab lab-small lab-table lab-open clean

help: ## list the targets
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*## /  make \1\t/' | expand -t 22

install: $(STAMP) ## set up .venv with everything, in the exact versions of constraints.txt

$(STAMP): pyproject.toml constraints.txt setup.py $(wildcard bywords/kernels/c/*)
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "bywords needs Python 3.11 or newer: make PYTHON=/path/to/python3.11"; exit 1; }
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --constraint constraints.txt --editable '.[demo,test,dev]'
	@touch $(STAMP)

wheel: $(STAMP) ## build the package: dist/bywords-VERSION-cp311-abi3-PLATFORM.whl
	rm -rf build/lib* build/bdist.* build/temp.* dist
	$(BIN)/python -m pip wheel --quiet --no-deps --wheel-dir dist .

english-vectors: $(STAMP) ## make bywords/vectors/english.bin again: make english-vectors MODEL=FOLDER, of a transformer
	$(BIN)/python build_backend/english_vectors.py $(MODEL) build/english-vectors

demo: $(STAMP) ## train the lab's classifiers and others on real texts and compare them: a table and demo/imdb/report.html
	$(BIN)/bywords compare imdb --out demo/imdb --systems $(OF_THE_LAB) $(DEMO_LIMITS)
	$(BIN)/bywords compare 20newsgroups-6 --out demo/20newsgroups-6 --systems $(QUICK) \
		|| { [ $$? -eq 2 ] && echo "The comparison on 20 Newsgroups is left out for the reason above."; }
	@echo "Look at the report: demo/imdb/report.html"

# What makes the demo end within five minutes on two cores; the report says which system trained on how many reviews.
OF_THE_LAB := auto,dan,dan-ngrams,tfidf-svc,tfidf-nb,label-tree,glove-mean,glove-corpus-mean,word2vec-mean,averaging,averaging-glove,averaging-glove-frozen,lstm,lstm-glove
QUICK := auto,dan,tfidf-svc,tfidf-nb,glove-mean,averaging,averaging-glove,averaging-glove-frozen
DEMO_LIMITS := --limit lstm=1500 --limit lstm-glove=1500 --limit word2vec-mean=3000 --limit glove-corpus-mean=3000

# With KERNELS=sanitized, by AddressSanitizer and UndefinedBehaviorSanitizer, a kernel that reads or writes outside of an
# array ends the process and says where; tests take a third longer. libstdc++ comes first for the exceptions of other
# packages. The kernels that are installed stay as they are.
TESTS ?=
KERNELS ?= installed
SANITIZED := build/sanitized
SANITIZE := -fsanitize=address,undefined -fno-sanitize-recover=all -fno-omit-frame-pointer
RUNTIMES = $(foreach name,asan ubsan stdc++,$(filter /%,$(shell $(CC) -print-file-name=lib$(name).so 2>/dev/null)))
ifeq ($(KERNELS) $(words $(RUNTIMES)),sanitized 3)
IN_SANITIZED = LD_PRELOAD="$(RUNTIMES)" PYTHONSAFEPATH=1 PYTHONPATH="$(CURDIR)/$(SANITIZED)" \
	ASAN_OPTIONS=detect_leaks=0:quarantine_size_mb=16 UBSAN_OPTIONS=print_stacktrace=1
else
IN_SANITIZED =
endif

test: $(STAMP) ## run the tests, or TESTS="tests/test_x.py …", a process for each core; KERNELS=sanitized checks bounds
ifneq ($(IN_SANITIZED),)
	rm -rf $(SANITIZED)
	CFLAGS="$(SANITIZE)" $(BIN)/python setup.py -q build --build-lib $(SANITIZED) --build-temp build/temp.sanitized
else ifeq ($(KERNELS),sanitized)
	@echo "$(CC) has no sanitizers: the tests run with the kernels as they are installed."
endif
	$(IN_SANITIZED) $(BIN)/python -m pytest --numprocesses auto --dist loadfile --max-worker-restart 2 $(TESTS)

coverage: $(STAMP) ## run the tests, and say which lines none of them runs; half as long again
	$(BIN)/python -m pytest --cov --cov-report=term:skip-covered

check: $(STAMP) ## lint, format and types
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

format: $(STAMP) ## put the sources into their form
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

BENCHMARKS := start_up whole_commands whole_work text_to_ids training prediction memory step lstm scaling streams on_disk on_disk_auto vectors_on_disk \
	cluster two_workers spark in_parts data_parallel kills faults accuracy sizes normalization side_columns intervals calibration explanations audit \
	duplicates duplicates_on_disk audit_by_workers leakage drift learning_curve \
	systems load_limits fuzz_models fuzz_kept fuzz_commands

bench: $(STAMP) ## measure against fastText and others, about three hours; benchmarks/results and the tables of README and docs
	$(BIN)/python -m pip install --quiet --constraint constraints.txt --editable '.[demo,test,dev,bench]'
	set -e; for name in $(BENCHMARKS); do $(BIN)/python benchmarks/$$name.py; done
	$(BIN)/python benchmarks/tables.py

docs: $(STAMP) ## build the site of manual, course, public names and reports: build/site; a link that leads nowhere is an error
	$(BIN)/python docs/site/gallery.py > /dev/null
	rm -rf build/site
	$(BIN)/python -m sphinx --quiet --nitpicky --fail-on-warning -c docs/site -d build/doctrees . build/site
	@echo "Look at the site: build/site/index.html"

lab: $(LAB_STAMP) ## run the course, seven notebooks, in full: pages in build/lab, up to an hour
	$(BIN)/python lab/run.py --resume

lab-small: $(LAB_STAMP) ## run the course on a small share of the data: pages in build/lab-small, some minutes
	$(BIN)/python lab/run.py --small

lab-table: $(LAB_STAMP) ## the course in full, where pages are out of date, and its figures into lab/README.md
	$(BIN)/python lab/run.py --resume --table

lab-open: $(LAB_STAMP) ## open the course in JupyterLab
	cd lab && ../$(BIN)/jupyter lab

$(LAB_STAMP): $(STAMP)
	$(BIN)/python -m pip install --quiet --constraint constraints.txt --editable '.[demo,test,dev,lab]'
	@touch $(LAB_STAMP)

clean: ## remove what the other targets made
	rm -rf $(VENV) demo build dist *.egg-info .coverage .hypothesis .mypy_cache .pytest_cache .ruff_cache
