#!/usr/bin/env bash
# Installs what a checkout on Debian 12 lacks for one purpose, and nothing that is there already. Run again at will.
#
#   deploy/setup-debian.sh demo|test|check|bench|image
#
# Works as root or with sudo. Rust itself comes from rustup and is not installed here.
set -euo pipefail

usage() {
    echo "usage: $0 demo|test|check|bench|image" >&2
    exit 2
}

# What each purpose needs: the command, then the Debian package that brings it.
build="cmake:cmake gcc:gcc g++:g++ make:make"
case "${1:-}" in
    demo) needed="$build curl:curl" ;;
    check) needed="$build" ;;
    test) needed="$build curl:curl openssl:openssl node:nodejs npm:npm nginx:nginx-light wrk:wrk
                  chromium:chromium prometheus:prometheus promtool:prometheus fc-list:fontconfig
                  redis-server:redis-server redis-cli:redis-tools php:php-cli" ;;
    bench) needed="$build curl:curl nginx:nginx-light haproxy:haproxy wrk:wrk redis-server:redis-server" ;;
    image) needed="" ;;
    *) usage ;;
esac
[ $# -eq 1 ] || usage

if [ "$1" != image ] && ! command -v cargo >/dev/null; then
    echo "setup: cargo is missing; install Rust with rustup (https://rustup.rs) and run this again" >&2
    exit 2
fi

# Daemons live in sbin, which is not on everybody's path.
PATH="$PATH:/usr/local/sbin:/usr/sbin:/sbin"

missing=""
for pair in $needed; do
    command -v "${pair%%:*}" >/dev/null || missing="$missing ${pair#*:}"
done
if [ "$1" != image ] && [ ! -e /etc/ssl/certs/ca-certificates.crt ]; then
    missing="$missing ca-certificates"
fi
# A browser without any font draws no text; this one has the Vietnamese letters.
if [ "$1" = test ] && { ! command -v fc-list >/dev/null || [ -z "$(fc-list ':lang=vi' family)" ]; }; then
    missing="$missing fonts-dejavu-core"
fi
if [ "$1" = image ] && ! command -v buildah >/dev/null && ! docker info >/dev/null 2>&1; then
    missing="$missing buildah"
fi

as_root() {
    if [ "$(id -u)" -eq 0 ]; then
        "$@"
    elif command -v sudo >/dev/null; then
        sudo "$@"
    else
        echo "setup: needs root to run: $*" >&2
        exit 2
    fi
}

if [ -n "$missing" ]; then
    missing=$(printf '%s\n' $missing | sort -u | tr '\n' ' ')
    echo "setup: installing $missing(this takes a minute)"
    if ! command -v apt-get >/dev/null; then
        echo "setup: no apt-get here; please install the above by hand" >&2
        exit 2
    fi
    # Servers among these packages are started by the tests themselves, never as services of the machine.
    keep_down=/usr/sbin/policy-rc.d
    if [ ! -e "$keep_down" ]; then
        printf '#!/bin/sh\nexit 101\n' | as_root tee "$keep_down" >/dev/null
        as_root chmod 755 "$keep_down"
        trap 'as_root rm -f "$keep_down"' EXIT
    fi
    apt=(env DEBIAN_FRONTEND=noninteractive apt-get -qq -o DPkg::Lock::Timeout=300 -o Dpkg::Use-Pty=0)
    as_root "${apt[@]}" update
    # shellcheck disable=SC2086 # a list of package names
    as_root "${apt[@]}" install -y --no-install-recommends $missing >/dev/null
else
    echo "setup: everything for '$1' is there"
fi

if [ "$1" = test ] || [ "$1" = check ]; then
    for component in rustfmt clippy; do
        cargo "${component/rustfmt/fmt}" --version >/dev/null 2>&1 || rustup component add "$component"
    done
fi
