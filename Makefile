# Everything here works in a fresh clone on a machine with Rust, make and a C compiler.
#
#   make demo      a site with a working day in ten minutes; prints the address and the sign-in
#   make test      every test; installs the peers that the tests talk to (needs root or sudo)
#   make lint      format, clippy, licences, duplicate crates
#   make bench     figures beside their yardsticks, measured in one run
#   make hashes    SHA-256 of what cities verify with, for publishing
#   make install   program, service and manual under $(DESTDIR)$(PREFIX)

# Build output lies outside the clone, so that clones share it and a clean clone stays clean.
export CARGO_TARGET_DIR ?= $(HOME)/.cache/kukaku/target

PREFIX ?= /usr/local
DESTDIR ?=
UNITDIR ?= /etc/systemd/system

.PHONY: demo test lint bench hashes install

# Other options of the demo: make demo ARGS="--once", make demo ARGS="--port 9000".
demo:
	cargo run --locked --profile lean --bin kukaku -- demo $(ARGS)

test:
	./tests/install.sh
	./tests/run.sh

lint:
	cargo fmt --all --check
	cargo clippy --locked --workspace --all-targets -- -D warnings
	./tests/deny.sh

# One figure alone: make bench ARGS=replay (or listener, start).
bench:
	cargo build --locked --release --bin kukaku
	cargo run --locked --release -p kukaku-tests --bin bench -- $(ARGS)

# The two verifiers are handed out apart from the product, and their hashes published where the
# vendor can't reach: a verifier that the accused hands over proves nothing.
hashes:
	cargo build --locked --release --bin kukaku-verify
	cd "$(CARGO_TARGET_DIR)/release" && sha256sum kukaku-verify
	cd daemon/verify/html && sha256sum verify.html

install:
	cargo build --locked --release --bin kukaku
	install -D -m 755 "$(CARGO_TARGET_DIR)/release/kukaku" "$(DESTDIR)$(PREFIX)/bin/kukaku"
	install -D -m 644 daemon/kukaku/dist/kukaku.1 "$(DESTDIR)$(PREFIX)/share/man/man1/kukaku.1"
	install -D -m 644 daemon/kukaku/dist/kukaku.sysusers "$(DESTDIR)$(PREFIX)/lib/sysusers.d/kukaku.conf"
	install -d "$(DESTDIR)$(UNITDIR)"
	sed 's|@BINDIR@|$(PREFIX)/bin|' daemon/kukaku/dist/kukaku.service > "$(DESTDIR)$(UNITDIR)/kukaku.service"
	chmod 644 "$(DESTDIR)$(UNITDIR)/kukaku.service"
