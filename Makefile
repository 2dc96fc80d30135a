# `make lab` and `make test` do everything from a fresh clone; `make help` lists the rest.
# Without make (Windows, plain pip, uv): see README.md.

VENV  ?= .venv
OUT   ?= out/demo
ARGS  ?=
comma := ,
BIN   := $(VENV)/bin
READY := $(VENV)/.ready
WHOLE := $(VENV)/.whole

# Tried in this order; 3.12 first because every optional dependency has wheels for it.
PYTHONS := $(or $(PYTHON),python3.12 python3.11 python3.13 python3 python)
GOOD_PYTHON := import sys, venv, ensurepip; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 13))

PIP := $(BIN)/python -m pip install --disable-pip-version-check --no-input

# One torch thread per process, as the processes fill the cores; one process per file, as its tests may share a browser.
# Notebooks run with fewer slider stops (LIC_LAB_FAST); those of assignments are run by tests/course/test_solutions.py.
PYTEST := OMP_NUM_THREADS=1 LIC_LAB_FAST=1 $(BIN)/python -m pytest -n auto --maxprocesses 4 --dist loadfile \
          --nbmake --nbmake-timeout=600 --ignore notebooks/assignments tests notebooks

.DEFAULT_GOAL := help
.PHONY: help install lab demo test test-slow notebooks readme results results-ablation results-effort results-stereo site course lint clean

help:  ## Say what the targets do
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*## (.*)/  make \1\t\2/' | expand -t 22

lab: $(READY)  ## Install everything and open JupyterLab on the first notebook
	$(BIN)/python -m jupyterlab $(if $(filter 0,$(shell id -u)),--allow-root) notebooks/00_start_here.ipynb

demo: $(READY)  ## Encode the bundled pictures with every codec: a table, the files, a picture
	$(BIN)/lic-lab compare --out $(OUT) $(ARGS)

test: $(WHOLE)  ## Install what the tests need and run them (a few minutes)
	$(PYTEST) -m "not slow" $(ARGS)

test-slow: $(WHOLE)  ## Run the slow tests too (wheel build, notebooks, training)
	$(PYTEST) $(ARGS)

NOTEBOOKS ?= $(wildcard notebooks/*.ipynb)
notebooks: $(READY)  ## Run the notebooks in full and store what they show; NOTEBOOKS=... for some, ARGS="--keep --budget 60"
	env -u OMP_NUM_THREADS -u LIC_LAB_FAST $(BIN)/python .ci/run_notebooks.py $(NOTEBOOKS) $(ARGS)

readme: $(READY)  ## Run the demo and put its table and picture into README.md (after new weights)
	$(BIN)/python .ci/refresh_readme.py

KODAK ?= kodak
LEARNED := charm bimamba cmamba csm asymmetric hyperprior
RUNGS := 0,1.25,2.5,3.75,5,6.25,7.25,8
results: $(READY)  ## Measure the shipped weights and the classical codecs on Kodak and write the cards; go on if killed
	$(BIN)/lic-lab evaluate charm,bimamba,cmamba,csm,asymmetric,hyperprior,jpeg,jpeg-444,webp,jpeg2000,heif,avif,avif-default,jxl $(KODAK) \
	  --out out/kodak $(LEARNED:%=--qualities %=$(RUNGS))
	cp out/kodak/rows.csv data/results/kodak.csv && cp out/kodak/rd.png data/results/kodak.png
	for file in data/weights/*.safetensors; do $(BIN)/lic-lab info $$file > $${file%.safetensors}.md; done

results-effort: $(READY)  ## Measure what effort adds, on the pictures of a folder (KODAK=folder; seven minutes a picture)
	$(BIN)/lic-lab evaluate charm,charm@effort3,bimamba,bimamba@effort3 $(KODAK) --qualities 1.25,3.75,6.25,8 --out out/effort
	cp out/effort/rows.csv data/results/effort.csv

TRAIN ?= photographs
ABLATE = $(BIN)/lic-lab ablate $(1) $(TRAIN) --variants $(2) --steps 300 --crop 128 --batch-size 4 --ema 0 --out out/ablation/$(1) \
  && cp out/ablation/$(1)/ablation.json data/results/ablation/$(1).json && cp out/ablation/$(1)/ablation.csv data/results/ablation/$(1).csv
results-ablation: $(READY)  ## Train the ablations of chapter 13 on folders of photographs (TRAIN="one two"; hours; goes on if killed)
	$(call ABLATE,cmamba,cnn-only$(comma)conv-context)
	$(call ABLATE,csm,fixed-partition)
	$(call ABLATE,asymmetric,no-attention$(comma)no-post-filter)
	$(call ABLATE,bimamba,forward-only$(comma)no-ssm)
	$(call ABLATE,bisic,no-attention)

STEREO ?= data/stereo
results-stereo: $(READY)  ## Measure stereo codecs on the pairs of a folder (STEREO=folder) and the bundled one
	$(BIN)/lic-lab evaluate bisic,hevc-pair,pair:charm,pair:bimamba,pair:jpeg,pair:webp,pair:jpeg2000,pair:avif \
	  motorcycle $(STEREO) --stereo --name stereo --qualities bisic=$(RUNGS) --qualities pair:charm=$(RUNGS) --qualities pair:bimamba=$(RUNGS) --out out/stereo
	cp out/stereo/rows.csv data/results/stereo.csv && cp out/stereo/rd.png data/results/stereo.png
	$(BIN)/lic-lab info data/weights/bisic.safetensors > data/weights/bisic.md

site: $(WHOLE)  ## Build the pages for readers, out/site/index.html: chapters, models, results, reference; opens without a server
	OMP_NUM_THREADS=1 $(BIN)/python .site/build.py $(ARGS)

COURSE ?= out/course
course: $(WHOLE)  ## Make the notebooks of the assignments that students get (COURSE=folder); see notebooks/assignments/INSTRUCTOR.md
	$(BIN)/lic-lab course release $(COURSE) $(ARGS)

lint: $(READY)  ## Check style and formatting
	$(BIN)/python -m ruff check . && $(BIN)/python -m ruff format --check .

install: $(READY)  ## Only make the environment and install

clean:  ## Remove the environment and everything that was built or written
	rm -rf .venv out build dist .pytest_cache .ruff_cache .hypothesis
	find lic_lab tests notebooks -name __pycache__ -prune -exec rm -rf {} +

# The stamp is written last, so an interrupted installation is taken up again by the next make.
$(READY): pyproject.toml
	@if ! $(BIN)/python -m pip --version >/dev/null 2>&1; then \
	  for python in $(PYTHONS); do \
	    if "$$python" -c '$(GOOD_PYTHON)' 2>/dev/null; then \
	      echo "Making $(VENV) with $$("$$python" --version)"; \
	      exec "$$python" -m venv --clear $(VENV); \
	    fi; \
	  done; \
	  echo "lic_lab needs Python 3.11, 3.12 or 3.13 with its venv module; tried: $(PYTHONS)." >&2; \
	  echo "Install one (Debian, Ubuntu: apt install python3-venv) or name it: make $(MAKECMDGOALS) PYTHON=/path/to/python3.12" >&2; \
	  exit 1; \
	fi
	@echo "Installing into $(VENV): about three minutes and, with CUDA on Linux, 6 GB. Only now and after pyproject.toml changes."
	@$(PIP) --only-binary compressai -e ".[dev,peers]" || \
	  { echo "Again without CompressAI, which has no wheel for this machine; only comparisons with it are lost."; $(PIP) -e ".[dev]"; }
	@touch $@

# What only the tests of the course and the site need.
$(WHOLE): $(READY)
	@$(PIP) -e ".[grading,site]"
	@touch $@
