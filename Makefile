# SPDX-License-Identifier: Apache-2.0

SWIFT ?= swift
# Options of sensord, as in: make tail ARGS="--kind 'file.*' -- ls"
ARGS ?=
# Options of swift test, as in: make test TESTS="--filter ObjectImage"
TESTS ?=

# eBPF wants privileges; sensord says which if sudo is not there to give them.
PRIVILEGED := $(shell [ "$$(id -u)" = 0 ] || command -v sudo)
# Where the Swift toolchain keeps its own clang, the one with the BPF backend.
TOOLCHAIN = $(shell $(SWIFT) -print-target-info | sed -n 's|.*"runtimeResourcePath": "\(.*\)/lib/swift".*|\1/bin|p')
RELEASE := $(SWIFT) build -c release --product sensord

.NOTPARALLEL:
.PHONY: help tail test test-agents test-page test-kernels test-deploy test-image build static install uninstall deb image bench lint format proto sanitize fuzz bpf-arm64 clean

help:
	@echo 'make tail       watch this machine live (ARGS="..." are options of sensord)'
	@echo 'make test       every test that this machine allows (TESTS="..." are options of swift test)'
	@echo 'make test-agents  agents with the official MCP and OpenTelemetry SDKs, which come from PyPI'
	@echo 'make test-page  look at the page of posture in headless Chromium'
	@echo 'make test-kernels  on 5.10, 6.1, 6.12 and the newest kernel in guests (KERNELS="5.10 6.1": those only); an hour or two'
	@echo 'make test-deploy  manifests, chart, unit, package, image and alerts; some of it comes from PyPI'
	@echo 'make test-image  the whole image twice, compiled in a root of debootstrap; half an hour'
	@echo 'make build      the release binary, .build/release/sensord'
	@echo 'make static     the same without any shared library, .build-static/release/sensord'
	@echo 'make install, make uninstall  binary and systemd unit (DESTDIR, PREFIX), make deb  the same as a package'
	@echo 'make image      the container image (TAG=..., with buildah)'
	@echo 'make bench      what sensord costs (QUICK=1: in two minutes)'
	@echo 'make sanitize   the tests under AddressSanitizer and ThreadSanitizer'
	@echo 'make fuzz       fuzz whatever reads foreign bytes (SECONDS=60)'
	@echo 'make bpf-arm64  compile the eBPF programs for arm64'
	@echo 'make lint, make format, make proto, make clean'

tail: build
	@$(PRIVILEGED) .build/release/sensord --tail $(ARGS)

test:
	@.ci/setup build test
	@SWIFT=$(SWIFT) .ci/test $(TESTS)

# Debian has none of these packages.
AGENTS := .build-agents
$(AGENTS)/installed: Tests/Agents/requirements.txt
	@.ci/setup agents
	python3 -m venv --clear $(AGENTS)
	$(AGENTS)/bin/pip install --quiet --disable-pip-version-check --requirement $<
	touch $@

test-agents: $(AGENTS)/installed
	@.ci/setup build test
	@SENSORD_TEST_PYTHON=$(CURDIR)/$(AGENTS)/bin/python3 SWIFT=$(SWIFT) .ci/test --filter '(MCPAgent|OpenTelemetry)Tests' $(TESTS)

test-page:
	@.ci/setup build test page
	@pages=$$(mktemp -d) && trap 'rm -rf "$$pages"' EXIT && \
		SENSORD_PAGES=$$pages $(SWIFT) test --disable-xctest --filter 'pages are written' && \
		Tests/Page/check.py "$$pages"/*.html

# Of some kernels (KERNELS="5.10 newest", MACHINES=amd64, SUITES="OpenTests UringTests") nothing is written down.
test-kernels: static bpf-arm64
	@.ci/setup build test vm
	$(SWIFT) build --product sensordPackageTests
	Tests/vm/test-kernels --tests .build/debug/sensordPackageTests.xctest $(if $(JOBS),--jobs $(JOBS)) \
		$(foreach kernel,$(KERNELS),--kernel $(kernel)) $(foreach machine,$(MACHINES),--machine $(machine)) \
		$(foreach suite,$(SUITES),--suite $(suite)) \
		$(if $(KERNELS)$(MACHINES)$(SUITES),,--document deploy/KERNELS.md)

# Kubernetes' schemas and Helm: Debian has neither.
DEPLOY_TESTS := .build-deploy
$(DEPLOY_TESTS)/installed: deploy/test/requirements.txt
	@.ci/setup deploy
	python3 -m venv --clear $(DEPLOY_TESTS)
	$(DEPLOY_TESTS)/bin/pip install --quiet --disable-pip-version-check --requirement $<
	touch $@

# SENSORD=BINARY spares the build of the static one.
test-deploy: $(DEPLOY_TESTS)/installed $(if $(SENSORD),,static)
	@.ci/setup deploy
	@SENSORD=$(abspath $(or $(SENSORD),.build-static/release/sensord)) PYTHON=$(CURDIR)/$(DEPLOY_TESTS)/bin/python3 deploy/test/run $(TESTS)

test-image: $(DEPLOY_TESTS)/installed
	@.ci/setup build deploy
	@PYTHON=$(CURDIR)/$(DEPLOY_TESTS)/bin/python3 deploy/test/run whole_image

build:
	@.ci/setup build
	$(RELEASE) --static-swift-stdlib

static:
	@.ci/setup build
	$(RELEASE) --scratch-path .build-static -Xswiftc -static-executable

# Installs what make static has built, or SENSORD=BINARY. The unit names the binary in PREFIX.
PREFIX ?= /usr/local
SYSCONFDIR ?= /etc
UNITDIR ?= $(SYSCONFDIR)/systemd/system
UNITS = sensord.service sensord-detach.service sensord-detach.timer
BINARY = $(or $(SENSORD),.build-static/release/sensord)
install:
	install -D -m 755 $(BINARY) $(DESTDIR)$(PREFIX)/bin/sensord
	install -D -m 644 README.md $(DESTDIR)$(PREFIX)/share/doc/sensord/README.md
	install -D -m 644 deploy/README.md $(DESTDIR)$(PREFIX)/share/doc/sensord/deploy.md
	install -d $(DESTDIR)$(UNITDIR)
	for unit in $(UNITS); do \
		sed -e 's|/usr/bin/|$(PREFIX)/bin/|' -e 's|/usr/share/|$(PREFIX)/share/|' -e 's|/etc/|$(SYSCONFDIR)/|' \
			deploy/systemd/$$unit >$(DESTDIR)$(UNITDIR)/$$unit && chmod 644 $(DESTDIR)$(UNITDIR)/$$unit || exit; \
	done
	[ -e $(DESTDIR)$(SYSCONFDIR)/sensord/config.json ] || \
		install -D -m 644 deploy/systemd/config.json $(DESTDIR)$(SYSCONFDIR)/sensord/config.json
	@[ -n '$(DESTDIR)' ] || echo 'now: systemctl daemon-reload && systemctl enable --now sensord'

# Leaves the configuration and what was learned. The daemon is stopped before its program goes, and what it has pinned goes with it:
# nobody else would take that out.
uninstall:
	@if [ -z '$(DESTDIR)' ]; then \
		! command -v systemctl >/dev/null || \
			{ systemctl stop sensord.service sensord-detach.timer; systemctl disable --quiet sensord.service; } || true; \
		[ ! -x $(PREFIX)/bin/sensord ] || \
			$(PREFIX)/bin/sensord uninstall --keep-state --config $(SYSCONFDIR)/sensord/config.json || \
			echo 'what is pinned may be left: rm -r /sys/fs/bpf/sensord' >&2; \
	fi
	rm -f $(DESTDIR)$(PREFIX)/bin/sensord $(addprefix $(DESTDIR)$(UNITDIR)/,$(UNITS))
	rm -rf $(DESTDIR)$(PREFIX)/share/doc/sensord
	@[ -n '$(DESTDIR)' ] || ! command -v systemctl >/dev/null || systemctl daemon-reload || true

# The commit's time is that of all files. ARGS are further options of buildah, as in ARGS="--build-arg BASE=swift@sha256:...".
VERSION = $(shell sed -n 's/.*number = "\(.*\)".*/\1/p' Sources/sensord/CommandLine/Version.swift)
TAG ?= sensord:$(VERSION)
image: EPOCH = $(shell git log -1 --format=%ct)
image:
	@.ci/setup deploy
	buildah build --file deploy/Dockerfile --ignorefile deploy/Dockerfile.dockerignore --tag $(TAG) --timestamp $(EPOCH) \
		--build-arg SOURCE_DATE_EPOCH=$(EPOCH) --build-arg VERSION=$(VERSION) --build-arg REVISION=$(shell git rev-parse HEAD) \
		$(ARGS) .

deb: $(if $(SENSORD),,static)
	@deploy/debian/build $(BINARY) .build-deb

bench: build
	@.ci/setup test
	$(PRIVILEGED) Benchmarks/run $(if $(QUICK),--quick)

# The schema's Swift is committed: building the generator takes minutes.
proto:
	@.ci/setup build proto
	$(SWIFT) build -c release --scratch-path .build-proto --product protoc-gen-swift
	protoc --plugin=.build-proto/release/protoc-gen-swift --proto_path=Sources/SensorCore/Contract \
		--swift_opt=Visibility=Package --swift_opt=UseAccessLevelOnImports=true \
		--swift_out=Sources/SensorCore/Contract posture.proto

# The workload is built without: a sanitizer has threads, signal handlers and system calls of its own, and the kernel tests
# would see them.
sanitize: export SENSOR_WORKLOAD = $(CURDIR)/.build/debug/sensor-workload
sanitize:
	@.ci/setup build test
	$(SWIFT) build --product sensor-workload
	SWIFT=$(SWIFT) .ci/test --scratch-path .build-asan --sanitize=address $(TESTS)
	SWIFT=$(SWIFT) .ci/test --scratch-path .build-tsan --sanitize=thread $(TESTS)

SECONDS ?= 60
fuzz:
	@.ci/setup build
	set -e; for fuzzer in RecordFuzzer RedactorFuzzer KubeconfigFuzzer ToolCallFuzzer TraceFuzzer; do \
		SENSORD_FUZZ=1 $(SWIFT) build -c release --scratch-path .build-fuzz --product $$fuzzer -Xswiftc -enable-testing -Xswiftc -sanitize=fuzzer,address -Xswiftc -use-ld=lld; \
		mkdir -p .build-fuzz/corpus/$$fuzzer; \
		SWIFT_BACKTRACE=enable=no .build-fuzz/release/$$fuzzer -max_total_time=$(SECONDS) -max_len=4096 .build-fuzz/corpus/$$fuzzer; \
	done

lint:
	@.ci/setup lint
	.ci/lint

format:
	@.ci/setup lint
	.ci/lint --fix

bpf-arm64:
	@.ci/setup build
	BPF_ARCH=arm64 Plugins/BPFObject/embed.sh "$(TOOLCHAIN)/clang" . .build/bpf-arm64/EmbeddedObjects.swift

clean:
	rm -rf .build .build-*
