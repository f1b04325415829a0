#!/bin/sh
# Makes .venv with the given Python. Works without root, and on a Debian that lacks the python3-venv package as long as
# either virtualenv or pip is there.
set -eu
python=${1:-python3}
cd "$(dirname "$0")/.."

if ! command -v "$python" >/dev/null 2>&1; then
    echo "make: no $python found. Install Python 3.11 or newer (Debian: apt-get install python3 python3-venv)," \
        "or name one: make run PYTHON=/path/to/python3.11" >&2
    exit 1
fi
if ! "$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))'; then
    echo "make: $python is $("$python" -V), Lumina needs 3.11 or newer. Name another: make run PYTHON=python3.12" >&2
    exit 1
fi

rm -rf .venv
if "$python" -m venv .venv >/dev/null 2>&1 && .venv/bin/python -m pip --version >/dev/null 2>&1; then
    exit 0
fi
rm -rf .venv
if "$python" -m virtualenv --quiet .venv >/dev/null 2>&1; then
    exit 0
fi
rm -rf .venv
# No ensurepip: an environment without pip, filled by the pip outside it.
if "$python" -m pip --version >/dev/null 2>&1 && "$python" -m venv --without-pip .venv >/dev/null 2>&1 &&
    "$python" -m pip --python .venv/bin/python --disable-pip-version-check -qq install pip; then
    exit 0
fi
rm -rf .venv
echo "make: $python cannot make a virtual environment. Install one package (Debian: apt-get install python3-venv) and" \
    "run the same command again." >&2
exit 1
