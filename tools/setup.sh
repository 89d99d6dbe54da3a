#!/bin/sh
# Installs what the project needs: a virtual environment, and as root on Debian or
# Ubuntu what of ssh, mmdebstrap, busybox and Chromium is missing; images.py sees to the engine. Asks nothing.
set -eu
venv=$1

fail() {
    echo "setup: $*" >&2
    exit 1
}

# apt PACKAGE...: install packages, if this machine lets us.
apt() {
    if [ "$(id -u)" -ne 0 ] || ! command -v apt-get >/dev/null; then
        fail "install first: $*"
    fi
    echo "setup: installing $*"
    export DEBIAN_FRONTEND=noninteractive
    apt-get update -qq </dev/null || true # one source that fails does not matter yet
    apt-get install -qy --no-install-recommends "$@" </dev/null >/dev/null || fail "apt-get could not install $*"
}

# The tests of the report's page need it, and nothing else does; Ubuntu has it as a snap only.
browser() {
    for name in chromium chromium-browser google-chrome; do
        command -v "$name" >/dev/null && return
    done
    (apt chromium) || echo "setup: without Chromium the tests of the report's page are skipped" >&2
}

missing=
command -v ssh-keygen >/dev/null || missing="$missing openssh-client"
if [ "$(id -u)" -eq 0 ] && command -v apt-get >/dev/null; then
    command -v mmdebstrap >/dev/null || missing="$missing mmdebstrap"
    # Tests start an engine in a network of its own.
    command -v ip >/dev/null || missing="$missing iproute2"
    # Tests run stubs in its shell; without it they are skipped.
    command -v busybox >/dev/null || missing="$missing busybox"
    # With these it trusts what it gets of Debian; Ubuntu does not have them by itself.
    [ -e /usr/share/keyrings/debian-archive-keyring.gpg ] || missing="$missing debian-archive-keyring gpg"
fi

python=
for candidate in ${PYTHON:-} python3 python3.13 python3.12 python3.11; do
    if "$candidate" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then
        python=$candidate
        break
    fi
done
[ -n "$python" ] || missing="$missing python3"
"${python:-python3}" -c 'import ensurepip' 2>/dev/null || missing="$missing python3-venv"
# shellcheck disable=SC2086 # one word a package
[ -z "$missing" ] || apt $missing
browser

"${python:-python3}" -c 'import sys; sys.exit(sys.version_info < (3, 11))' ||
    fail "Python 3.11 or later is needed, name one in PYTHON"

"$venv/bin/python" -c '' 2>/dev/null || "${python:-python3}" -m venv --clear "$venv"
echo "setup: installing the project into $venv"
"$venv/bin/pip" install --quiet --no-input --disable-pip-version-check --editable '.[dev]'
