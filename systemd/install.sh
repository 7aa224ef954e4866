#!/bin/sh
# Installs the service, or removes it: systemd/install.sh install | install-user | uninstall | uninstall-user
#
#   PYTHON=python3.12   the interpreter to build on; default: python3
#   NO_START=1          install, but neither enable nor start
#   DESTDIR=DIR         install below DIR, for a package; neither Debian packages nor systemd are touched
#   PURGE=1             uninstall: the configuration, the password and drop-ins of the units too
#
# A second install is an upgrade: the configuration stays, and the old program goes only once the new one has run.
set -eu
umask 022  # the service's account must be able to read it, whatever root's own mask is

here=$(cd "$(dirname "$0")/.." && pwd)
python=${PYTHON:-python3}
destdir=${DESTDIR:-}
no_start=${NO_START:-}
units='ser-monitor.service ser-monitor@.service'

say() { printf '%s\n' "$*"; }
die() { printf 'ser-monitor: error: %s\n' "$*" >&2; exit 1; }

set_paths() {
    if [ "$1" = user ]; then
        [ -n "${HOME:-}" ] || die "HOME is not set; wanted the folder of the user"
        program=$HOME/.local/share/ser-monitor
        link=$HOME/.local/bin/ser-monitor
        etc=${XDG_CONFIG_HOME:-$HOME/.config}/ser-monitor
        unit_folder=${XDG_CONFIG_HOME:-$HOME/.config}/systemd/user
        drop_in_folder=$unit_folder
    else
        program=/opt/ser-monitor
        link=/usr/local/bin/ser-monitor
        etc=/etc/ser-monitor
        # Not /etc/systemd/system: that is for the administrator's own units, drop-ins and masks.
        unit_folder=/usr/local/lib/systemd/system
        drop_in_folder=/etc/systemd/system
        credential=/etc/credstore/ser-monitor.mqtt-password
    fi
}

has_systemd() { [ -z "$destdir" ] && [ -d /run/systemd/system ]; }

# --- the program ---

check_python() {
    command -v "$python" >/dev/null || die "there is no $python; name one, version 3.11 or newer: make install PYTHON=..."
    "$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))' ||
        die "found $("$python" --version), wanted Python 3.11 or newer: make install PYTHON=python3.12"
    [ "$1" = user ] || check_python_is_public
}

# The service may not look into homes.
check_python_is_public() {
    where=$("$python" -c 'import os, sys; print(os.path.realpath(sys.executable))')
    case $where in
    /home/* | /root/* | /run/user/*)
        die "$python is $where, where the service may not look; take the system's: make install PYTHON=/usr/bin/python3" ;;
    esac
}

install_packages() {
    [ -z "$destdir" ] || return 0
    packages=libportaudio2
    # Debian keeps what a virtual environment needs in a package of its own.
    "$python" -c 'import ensurepip, venv' 2>/dev/null || packages="$packages python3-venv"
    # shellcheck disable=SC2086 # a list of names
    sh "$here/.ci/debian-packages" $packages
}

# Builds the program beside its place, tries it, and only then puts it there.
install_program() {
    new=$destdir$program.new
    old=$destdir$program.old
    rm -rf "$new" "$old"
    mkdir -p "$(dirname "$new")"
    trap 'rm -rf "$new"' EXIT
    say "Installing the program into $program ..."
    "$python" -m venv "$new" || die "$python cannot make a virtual environment; on Debian: apt-get install python3-venv"
    "$new/bin/python" -m pip install --quiet --disable-pip-version-check "${here}[metrics]" ||
        die "the Python packages could not be installed; nothing was changed"
    try_program "$new/bin/python"
    move_home "$new" "$program"
    if [ -e "$destdir$program" ]; then mv "$destdir$program" "$old"; fi
    mv "$new" "$destdir$program"
    rm -rf "$old"
    trap - EXIT
    link_program
}

try_program() {
    "$1" -m monitor.cli model verify >/dev/null || die "the new program does not run here; nothing was changed"
    [ ! -e "$destdir$etc/config.toml" ] || "$1" -m monitor.cli config check "$destdir$etc/config.toml" >/dev/null ||
        die "the new program refuses the configuration that is there, mend it first; nothing was changed"
}

# The scripts of a virtual environment name the folder it was made in.
move_home() {
    grep -rlIF "$1" "$1/bin" "$1/pyvenv.cfg" | while IFS= read -r file; do sed -i "s|$1|$2|g" "$file"; done
}

link_program() {
    mkdir -p "$destdir$(dirname "$link")"
    ln -sfn "$program/bin/ser-monitor" "$destdir$link"
}

# --- its files ---

install_config() {
    mkdir -p "$destdir$etc"
    if [ -e "$destdir$etc/config.toml" ]; then
        say "$etc/config.toml stays as it is."
    else
        install -m 0644 "$here/systemd/config.toml" "$destdir$etc/config.toml"
    fi
}

link_password() {
    store=$destdir$(dirname "$credential")
    [ -d "$store" ] || install -d -m 0700 "$store"
    ln -sfn "$etc/mqtt-password" "$destdir$credential"
}

install_units() {
    mkdir -p "$destdir$unit_folder"
    if [ "$1" = user ]; then
        install -m 0644 "$here/systemd/ser-monitor.user.service" "$destdir$unit_folder/ser-monitor.service"
    else
        for unit in $units; do install -m 0644 "$here/systemd/$unit" "$destdir$unit_folder/$unit"; done
    fi
}

# --- the service ---

# An upgrade leaves a service alone that was disabled.
start_service() {
    $systemctl daemon-reload
    if [ "$upgrade" = no ]; then
        $systemctl enable --quiet ser-monitor.service
        start='restart ser-monitor.service'
    elif $systemctl is-enabled --quiet ser-monitor.service; then
        start='restart ser-monitor.service'
    else
        start='try-restart ser-monitor.service'
    fi
    # shellcheck disable=SC2086 # a verb and a unit
    $systemctl $start || die "it is installed but does not start; why: $journalctl -n 20"
    [ "$1" = user ] || $systemctl try-restart 'ser-monitor@*.service'
}

stop_service() {
    [ "$1" = user ] || $systemctl stop 'ser-monitor@*.service'
    $systemctl stop ser-monitor.service 2>/dev/null || true
    # shellcheck disable=SC2086 # a list of names
    if [ "$1" = user ]; then $systemctl disable --quiet ser-monitor.service; else $systemctl disable --quiet $units; fi 2>/dev/null || true
}

next_steps() {
    say ""
    if [ "$1" = user ]; then
        say "Configuration:   $etc/config.toml, then: systemctl --user reload ser-monitor"
        say "What it hears:   journalctl --user -u ser-monitor -f"
        say "Without a login: loginctl enable-linger"
    else
        say "Is all well?     sudo ser-monitor check --as-service"
        say "Configuration:   $etc/config.toml, then: sudo systemctl reload ser-monitor"
        say "Broker password: systemd-ask-password | sudo install -m 0600 /dev/stdin $etc/mqtt-password; then restart"
        say "What it hears:   journalctl -u ser-monitor -f"
        say "More microphones: $etc/NAME.toml each, then: sudo systemctl enable --now ser-monitor@NAME"
    fi
}

# --- what is asked for ---

do_install() {
    [ "$1" = user ] || [ -n "$destdir" ] || [ "$(id -u)" = 0 ] || die "only root can install a service: sudo make install"
    [ "$1" = user ] || [ -n "$destdir" ] || getent group audio >/dev/null ||
        die "there is no group audio, to which microphones belong: groupadd --system audio"
    upgrade=no
    [ ! -e "$destdir$unit_folder/ser-monitor.service" ] || upgrade=yes
    install_packages
    check_python "$1"
    install_program
    install_config
    [ "$1" = user ] || link_password
    install_units "$1"
    if [ -z "$no_start" ] && has_systemd; then
        start_service "$1"
    elif has_systemd; then
        $systemctl daemon-reload
    fi
    if has_systemd && $systemctl is-active --quiet ser-monitor.service; then
        say "The service runs: $systemctl status ser-monitor"
    else
        say "The service does not run. To start it now and at every boot: $systemctl enable --now ser-monitor"
    fi
    [ -n "$destdir" ] || next_steps "$1"
}

do_uninstall() {
    [ "$1" = user ] || [ -n "$destdir" ] || [ "$(id -u)" = 0 ] || die "only root can remove a service: sudo make uninstall"
    if has_systemd; then stop_service "$1"; fi
    if [ "$1" = user ]; then
        rm -f "$destdir$unit_folder/ser-monitor.service"
    else
        for unit in $units; do rm -f "$destdir$unit_folder/$unit"; done
        rm -f "$destdir$credential"
    fi
    if has_systemd; then $systemctl daemon-reload; $systemctl reset-failed 'ser-monitor*' 2>/dev/null || true; fi
    rm -f "$destdir$link"
    rm -rf "$destdir$program" "$destdir$program.new" "$destdir$program.old"
    if [ -n "${PURGE:-}" ]; then
        rm -rf "$destdir$etc" "$destdir$drop_in_folder/ser-monitor.service.d" "$destdir$drop_in_folder/"ser-monitor@*.service.d
        say "Removed, with its configuration."
    else
        say "Removed. $etc and drop-ins of the units stay; to remove them too: PURGE=1"
    fi
}

systemctl='systemctl'
journalctl='journalctl -u ser-monitor'
case ${1:-} in
*-user)
    systemctl='systemctl --user'
    journalctl='journalctl --user -u ser-monitor' ;;
esac
case ${1:-} in
install) set_paths system; do_install system ;;
install-user) set_paths user; do_install user ;;
uninstall) set_paths system; do_uninstall system ;;
uninstall-user) set_paths user; do_uninstall user ;;
*) die "found '${1:-}', wanted install, install-user, uninstall or uninstall-user" ;;
esac
