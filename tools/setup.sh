#!/usr/bin/env bash
# Installs what is missing on a Debian 12 that has the Swift toolchain; says nothing and takes no time where all is there.
#   tools/setup.sh run     what `make run` needs
#   tools/setup.sh test    that, and what the tests and the benchmark need
set -euo pipefail
cd "$(dirname "$0")/.."

run_packages=(libssl-dev libpq-dev pkg-config postgresql openssl curl jq mosquitto-clients)
test_packages=(mosquitto chromium-headless-shell node-mqtt oathtool haproxy python3-venv valgrind gcc binutils libc6-dev make util-linux)
swift_minimum=6.3

check_swift() {
    local found
    found=$(swift --version 2>/dev/null | grep -oE 'Swift version [0-9]+\.[0-9]+' | grep -oE '[0-9.]+$' || true)
    if [ -z "$found" ] || [ "$(printf '%s\n' "$swift_minimum" "$found" | sort -V | head -n 1)" != "$swift_minimum" ]; then
        echo "confab needs Swift $swift_minimum or later on the PATH; found: ${found:-none}." >&2
        echo "Install the toolchain for Debian 12 from https://www.swift.org/install/linux/ and try again." >&2
        exit 1
    fi
}

# A server that came in another package (PGDG's postgresql-17, say) is as good.
installed() {
    case $1 in
        postgresql) compgen -G '/usr/lib/postgresql/*/bin/postgres' >/dev/null ;;
        *) [ "$(dpkg-query --show --showformat='${db:Status-Status}' "$1" 2>/dev/null)" = installed ] ;;
    esac
}

install_missing() {
    local missing=() package
    for package in "$@"; do installed "$package" || missing+=("$package"); done
    [ ${#missing[@]} -eq 0 ] && return
    echo "Installing: ${missing[*]}" >&2
    if [ "$(id -u)" -eq 0 ]; then
        tools/install-packages.sh "${missing[@]}"
    elif command -v sudo >/dev/null; then
        sudo tools/install-packages.sh "${missing[@]}"
    else
        echo "Neither root nor sudo here. As root, run: apt-get install ${missing[*]}" >&2
        exit 1
    fi
}

# The copy of the requirements beside the environment tells what is in it.
make_python_environment() {
    local wanted=Tests/e2e/requirements.txt
    cmp -s "$wanted" .venv/requirements.txt && return
    python3 -m venv .venv
    .venv/bin/pip install --quiet --disable-pip-version-check --requirement "$wanted"
    cp "$wanted" .venv/requirements.txt
}

# What /docs shows the API with. The hub looks for it beside its own folder; without it the page says what is missing, so no network is no failure.
install_swagger_ui() {
    local files folder=.build/$(swift -print-target-info | jq -r .target.unversionedTriple)/share/confab/swagger-ui
    cmp -s tools/swagger-ui.txt "$folder/requirements.txt" && return
    python3 -m pip --version >/dev/null 2>&1 || install_missing python3-pip
    files=$(mktemp -d)
    if python3 -m pip install --quiet --disable-pip-version-check --root-user-action ignore --no-deps --require-hashes \
        --target "$files" --requirement tools/swagger-ui.txt; then
        mkdir -p "$folder"
        (cd "$files"/drf_spectacular_sidecar/static/*/swagger-ui-dist && cp LICENSE swagger-ui-bundle.js swagger-ui.css "$OLDPWD/$folder")
        cp tools/swagger-ui.txt "$folder/requirements.txt"
    else
        echo "Swagger UI could not be installed: /docs of the hub will say so." >&2
    fi
    rm -rf "$files"
}

check_swift
case ${1:-} in
    run)
        install_missing "${run_packages[@]}"
        install_swagger_ui
        ;;
    test)
        install_missing "${run_packages[@]}" "${test_packages[@]}"
        install_swagger_ui
        make_python_environment
        ;;
    *)
        echo "usage: tools/setup.sh run|test" >&2
        exit 64
        ;;
esac
