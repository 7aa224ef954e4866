# make run   install into .venv and listen          make lint   ruff and mypy
# make test  install what the tests need, run all   make bench  measure, side by side (a quarter of an hour; BENCH=--quick)
# make bench-write         the same, and put picture and figures into docs/
# sudo make install        the service; sudo make uninstall
# make install-user        the service of a desktop session; make uninstall-user
# make test-long           the long forms of the tests: outages of minutes, endurance of hours
# make fuzz                each reader of what comes from outside, ten minutes each; FUZZ='card --minutes 1'
# make test-systemd        the service under a real systemd, in a container; as root
# make test-arm64          the wheel in a Raspberry Pi's userland, under qemu; as root
# make bench-arm64         instructions there, an estimate of what a Pi needs, the forms in MODELS=...; as root
# make footprint           what it brings onto a fresh Pi, and docs/footprint.md of it; as root
# make bench-many          how many microphones one core carries; BENCH=--quick a minute, BENCH='--cores 1 --write' the page
# make golden              write what the demo must say anew; make terminal-picture   draw docs/terminal.svg again
# make schemas             write docs/schemas again
# PYTHON=python3.12 make run   another Python (3.11 or newer); VENV=... another folder

PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
SER := $(BIN)/ser-monitor

# libsndfile comes inside the soundfile wheel; PortAudio does not come with sounddevice on Linux.
RUN_PACKAGES := libportaudio2
BENCH_PACKAGES := $(RUN_PACKAGES) libasound2-plugins pulseaudio pulseaudio-utils mosquitto
TEST_PACKAGES := $(BENCH_PACKAGES) faketime strace
SYSTEMD_PACKAGES := systemd-container debootstrap
ARM64_PACKAGES := qemu-user-static debootstrap
COUNTING_PACKAGES := $(ARM64_PACKAGES) qemu-user gcc libc6-dev
# Where a whole run is wanted anyway, the service is tested too.
ifeq ($(CI),true)
TEST_PACKAGES += $(SYSTEMD_PACKAGES)
endif

.PHONY: run test test-long test-systemd test-arm64 fuzz lint format bench bench-write bench-features bench-many bench-arm64 footprint
.PHONY: demo-clip golden terminal-picture schemas clean
.PHONY: install uninstall install-user uninstall-user

run: $(VENV)/.run
	@sh .ci/debian-packages $(RUN_PACKAGES)
	@if reason=$$($(SER) devices 2>&1 >/dev/null); then exec $(SER) --stdout; \
	else echo "No microphone ($${reason#ser-monitor: error: }): playing the bundled clip instead." >&2; \
	exec $(SER) --stdout --input demo --realtime; fi

test: $(VENV)/.test
	@sh .ci/debian-packages $(TEST_PACKAGES)
	$(BIN)/python -m pytest $(PYTEST)

test-long: $(VENV)/.test
	@sh .ci/debian-packages $(TEST_PACKAGES)
	$(BIN)/python -m pytest -m long $(PYTEST)

test-systemd: $(VENV)/.test
	@sh .ci/debian-packages $(SYSTEMD_PACKAGES)
	SER_TEST_SYSTEMD=1 $(BIN)/python -m pytest -m systemd $(PYTEST)

test-arm64: $(VENV)/.test
	@sh .ci/debian-packages $(COUNTING_PACKAGES)
	SER_TEST_ARM64=1 $(BIN)/python -m pytest -m arm64 $(PYTEST)

fuzz: $(VENV)/.fuzz
	$(BIN)/python -m tests.fuzz $(FUZZ)

install uninstall install-user uninstall-user:
	@PYTHON='$(PYTHON)' DESTDIR='$(DESTDIR)' NO_START='$(NO_START)' PURGE='$(PURGE)' sh systemd/install.sh $@

lint: $(VENV)/.lint
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

format: $(VENV)/.lint
	$(BIN)/ruff check --fix . ; $(BIN)/ruff format .

bench: $(VENV)/.bench
	@sh .ci/debian-packages $(BENCH_PACKAGES)
	$(BIN)/python -m benchmarks $(BENCH)

bench-write: BENCH += --write docs
bench-write: bench

bench-features: $(VENV)/.train
	$(BIN)/python -m benchmarks.features

bench-many: $(VENV)/.bench
	@sh .ci/debian-packages $(BENCH_PACKAGES)
	$(BIN)/python -m benchmarks.many $(BENCH)

bench-arm64: $(VENV)/.run
	@sh .ci/debian-packages $(COUNTING_PACKAGES)
	$(BIN)/python -m benchmarks.instructions
	$(if $(MODELS),$(BIN)/python -m benchmarks.forms $(MODELS))

footprint: $(VENV)/.run
	@sh .ci/debian-packages $(ARM64_PACKAGES)
	$(BIN)/python -m benchmarks.footprint

demo-clip: $(VENV)/.run
	$(BIN)/python monitor/demo/make_clip.py

golden: $(VENV)/.run
	$(BIN)/python -m tests.test_golden

terminal-picture: $(VENV)/.run
	$(BIN)/python docs/terminal.py

schemas: $(VENV)/.run
	$(BIN)/python docs/schemas/write.py

clean:
	rm -rf $(VENV) build dist .pytest_cache .hypothesis .mypy_cache .ruff_cache

# Stamps: each installs again when pyproject.toml changes.
$(VENV)/.venv:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
	{ echo "found $$($(PYTHON) --version), wanted Python 3.11 or newer: PYTHON=python3.12 make ..."; exit 1; }
	@$(PYTHON) -m venv $(VENV)
	@touch $@

$(VENV)/.run: pyproject.toml | $(VENV)/.venv
	@echo "Installing into $(VENV) ..." >&2
	@$(BIN)/python -m pip install --quiet --editable .
	@touch $@

$(VENV)/.train: pyproject.toml | $(VENV)/.venv
	@$(BIN)/python -m pip install --quiet --editable '.[train]'
	@touch $@

$(VENV)/.bench: pyproject.toml | $(VENV)/.venv
	@echo "Installing into $(VENV) what people would use instead ..." >&2
	@$(BIN)/python -m pip install --quiet --editable '.[train,egemaps]'
	@touch $@ $(VENV)/.run $(VENV)/.train

$(VENV)/.fuzz: pyproject.toml | $(VENV)/.venv
	@$(BIN)/python -m pip install --quiet --editable '.[fuzz]'
	@touch $@

$(VENV)/.test: pyproject.toml | $(VENV)/.venv
	$(BIN)/python -m pip install --quiet --editable '.[train,test]'
	@touch $@ $(VENV)/.run

$(VENV)/.lint: pyproject.toml | $(VENV)/.venv
	$(BIN)/python -m pip install --quiet --editable '.[train,test,lint]'
	@touch $@ $(VENV)/.test $(VENV)/.run
