#!/bin/sh
# Sets a Debian or Raspberry Pi OS machine up for camerad's simulator and tests.
#
#   sh hw-mocks/prepare.sh run     what `make run` needs
#   sh hw-mocks/prepare.sh test    that, and what `make test` needs
#   sh hw-mocks/prepare.sh bench   that, and what `make bench` needs
#   sh hw-mocks/prepare.sh campaign   what `make test` needs, and what `make campaign` needs
#   sh hw-mocks/prepare.sh real    a second environment, .cache/real, that sees the system's packages:
#                                  the simulator on the real libcamera
#   sh hw-mocks/prepare.sh image   what `make image` needs
#   sh hw-mocks/prepare.sh kernel  what `make kernel` needs
#
# It installs missing system packages with apt, makes the virtual environment .venv in the checkout,
# installs camerad and hw-mocks into it as they stand there (editable), and fetches the film clips
# that the simulated sensor plays. What is there already is left alone; once nothing is missing, the
# next run ends at once. Outside the checkout it changes apt's packages and the account's ~/.cache.
#
#   PYTHON=/path/to/python3   the interpreter that .venv is made with (CPython 3.11, 3.12 or 3.13)
set -eu

cd -- "$(CDPATH='' dirname -- "$0")/.."
root=$(pwd -P)
venv=$root/.venv
log=$root/.cache/prepare.log

export PYTHONUNBUFFERED=1 PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_INPUT=1 PIP_USER=0
unset PYTHONPATH PYTHONHOME PIP_TARGET PIP_PREFIX

say() { printf '%s\n' "$*" >&2; }

# Ends with the message $1 and, under it, the lines of advice that follow.
die() {
    say
    say "prepare: $1"
    shift
    for line in "$@"; do say "    $line"; done
    exit 1
}

# What a camera speaks with; what picamera2's dependencies are compiled with; and the simulated
# microphone: a sound server, the ALSA library's way to it, and a voice.
running='alsa-utils gcc libc6-dev libcap-dev pulseaudio libasound2-plugins espeak-ng'

level=${1:-}
case $level in
    run) system_packages=$running extras=device,office ;;
    test | bench | campaign)
        system_packages=$running
        # The judges of the tests: a decoder that is not ours, the real libcamera to hold the
        # simulated one against, a reader of text in pictures, a witness of system calls, what opens
        # and checks a recording without camerad, file systems to lose power on, a linter for this
        # file, a browser, and the service manager of a camera.
        system_packages="$system_packages ffmpeg tesseract-ocr libcamera-ipa python3-libcamera"
        system_packages="$system_packages curl strace age openssl e2fsprogs fdisk mount unzip util-linux"
        system_packages="$system_packages dosfstools iproute2 shellcheck chromium chromium-headless-shell systemd udev"
        # What the maker of PDF/A loads, and a judge of such files.
        system_packages="$system_packages libpangoft2-1.0-0 libharfbuzz-subset0 fonts-liberation qpdf"
        # A database for the office's index; what Debian starts of it by itself is not used.
        system_packages="$system_packages postgresql"
        # A disk of an emulator, whose log of losses of power is read.
        system_packages="$system_packages qemu-utils"
        # What installs updates, and makes a card to install them on.
        system_packages="$system_packages rauc dbus-daemon dmsetup squashfs-tools cryptsetup-bin mtools zstd"
        # Linux as a process: a kernel with FAT and dm-verity, which a card has and not every machine that
        # runs tests, and one whose first process may be systemd.
        [ "$(uname -m)" != x86_64 ] || system_packages="$system_packages user-mode-linux"
        # What counts instructions, and the copier beside which the office's server is measured.
        [ "$level" != bench ] || system_packages="$system_packages valgrind rclone"
        # A second store with locks, for the office's replicas, and a second browser.
        [ "$level" != campaign ] || system_packages="$system_packages radosgw ceph-mon ceph-osd ceph-common"
        [ "$level" != campaign ] || system_packages="$system_packages firefox-esr"
        # A PC with a USB camera, on Debian's kernel.
        [ "$level" != campaign ] || system_packages="$system_packages qemu-system-x86 virtiofsd"
        # A provider of OpenID Connect that is not ours, what it loads, a server, and a wrong clock.
        [ "$level" != campaign ] || system_packages="$system_packages liblemonldap-ng-portal-perl \
            libcrypt-jwt-perl libio-string-perl libstring-random-perl libmime-tools-perl \
            libemail-address-xs-perl libemail-sender-perl starman faketime"
        extras=device,office,test
        ;;
    real)
        system_packages="$running libcamera-ipa python3-libcamera"
        extras=device,office
        # python3-libcamera is for this interpreter alone.
        venv=$root/.cache/real
        PYTHON=/usr/bin/python3
        ;;
    image)
        # What makes a root of packages for another processor; file systems and tables of a card,
        # without mounting any; its compression; and the Python of the image, which compiles its modules.
        system_packages="$running mmdebstrap arch-test qemu-user qemu-user-binfmt mount systemd"
        system_packages="$system_packages squashfs-tools cryptsetup-bin mtools dosfstools e2fsprogs fdisk"
        system_packages="$system_packages genimage bmap-tools zstd rauc openssl python3 git"
        # What starts the image, on a board with a serial number, and with a second initramfs.
        system_packages="$system_packages qemu-system-arm qemu-utils device-tree-compiler cpio"
        extras=device,image
        ;;
    kernel)
        system_packages="$running crossbuild-essential-arm64 bc bison cpio debhelper flex git kmod"
        system_packages="$system_packages libelf-dev libssl-dev pahole rsync xz-utils"
        extras=device,image
        ;;
    *) die 'usage: sh hw-mocks/prepare.sh run|test|bench|campaign|real|image|kernel' ;;
esac

# ------------------------------------------------------------------------------------- interpreters

# Prints X.Y if $1 is an interpreter that camerad supports, else fails.
supported() {
    "$1" - 2>/dev/null <<'PY'
import sys

x, y = sys.version_info[:2]
if sys.implementation.name != "cpython" or not (3, 11) <= (x, y) <= (3, 13):
    sys.exit(1)
print(f"{x}.{y}")
PY
}

[ -z "${PYTHON:-}" ] || supported "$PYTHON" >/dev/null ||
    die "PYTHON=$PYTHON is not CPython 3.11, 3.12 or 3.13, or does not run."

# Which installation an interpreter belongs to; for one in a virtual environment, the one under it.
installation() { "$1" -c 'import sys; print(sys.base_prefix, sys.version)'; }

# Whether .venv was made by this script, in this place (its scripts hold the path), with an
# interpreter that still works and is the one asked for, if any.
venv_is_sound() {
    [ "$(cat "$venv/made-in" 2>/dev/null)" = "$root" ] || return 1
    supported "$venv/bin/python" >/dev/null || return 1
    [ -z "${PYTHON:-}" ] || [ "$(installation "$PYTHON")" = "$(installation "$venv/bin/python")" ]
}

# Sets python to the first interpreter that will do: the one asked for, that of a sound .venv, what
# the path holds; to nothing where there is none.
choose_python() {
    if [ -n "${PYTHON:-}" ]; then
        set -- "$PYTHON"
    elif venv_is_sound; then
        set -- "$venv/bin/python"
    else
        set -- python3 python3.13 python3.12 python3.11 /usr/bin/python3
    fi
    python=''
    for candidate in "$@"; do
        if supported "$candidate" >/dev/null; then
            python=$("$candidate" -c 'import sys; print(sys._base_executable)')
            return 0
        fi
    done
}

# The Debian packages that the chosen interpreter still lacks to make a virtual environment and to
# compile extension modules.
packages_of_python() {
    version=$(supported "$python")
    "$python" -c 'import ensurepip, venv' 2>/dev/null || printf 'python%s-venv ' "$version"
    "$python" -c 'import os, sysconfig, sys
sys.exit(not os.path.exists(os.path.join(sysconfig.get_path("include"), "Python.h")))' ||
        printf 'python%s-dev ' "$version"
}

# ------------------------------------------------------------------------------- nothing left to do?

# Everything that the contents of .venv follow from.
inputs() {
    cat pyproject.toml constraints.txt hw-mocks/pyproject.toml hw-mocks/prepare.sh \
        hw-mocks/hw_mocks/clips.py
}

key=$(inputs | sha256sum | cut -d' ' -f1)

on_debian() { command -v dpkg-query >/dev/null && command -v apt-get >/dev/null; }

# Which of the packages given are not installed.
missing() {
    for package in "$@"; do
        case $(dpkg-query -W -f='${db:Status-Abbrev}' "$package" 2>/dev/null) in
            ?i*) ;;
            *) printf '%s ' "$package" ;;
        esac
    done
}

packages_are_there() {
    # shellcheck disable=SC2086 # names of packages, to be split
    ! on_debian || [ -z "$(missing $system_packages)" ]
}

# The clips lie in a cache, which may be emptied. .venv/clips has a line for each: its name, its path.
clips_are_there() {
    while read -r _ clip; do
        [ -f "$clip" ] || return 1
    done <"$venv/clips"
}

if [ "$(cat "$venv/prepared-$level" 2>/dev/null)" = "$key" ] &&
    venv_is_sound && clips_are_there && packages_are_there; then
    exit 0
fi

started=$(date +%s)
mkdir -p .cache
printf '\n%s: prepare %s\n' "$(date)" "$level" >>"$log"
say "Setting up for 'make $level'. The first time this takes one or two minutes on a PC, five to ten on"
say "a Raspberry Pi, most of it downloads; after that it is done at once. Details: .cache/prepare.log"

# Runs a command with its whole output in the log, and on the screen, as they come, the lines that
# the sed script $1 makes of it. sh has no pipefail: the exit code takes a way of its own.
follow() {
    script=$1
    shift
    printf '+ %s\n' "$*" >>"$log"
    { "$@" 2>&1 && echo 0 >"$log.code" || echo "$?" >"$log.code"; } </dev/null |
        tee -a "$log" | sed -u -n "$script" >&2
    code=$(cat "$log.code")
    rm -f "$log.code"
    return "$code"
}

die_with_log() {
    say
    say 'The log ends:'
    tail -n 20 "$log" >&2
    die "$@"
}

# ----------------------------------------------------------------------------------- system packages

apt_line() { printf 'apt-get update && apt-get install -y --no-install-recommends %s' "$*"; }

# Sets as_root to the words that make a command run as root. Where there is no way to become root, it
# says what to type to install the packages given, and ends.
become_root() {
    as_root=''
    [ "$(id -u)" -ne 0 ] || return 0
    typed="su - -c '$(apt_line "$@")'"
    if command -v sudo >/dev/null; then
        as_root='sudo -n'
        ! sudo -n true 2>/dev/null || return 0
        if [ -t 0 ] && [ -t 2 ]; then
            say '      installing them takes root: sudo asks for your password'
            as_root=sudo
            ! sudo -v || return 0
        fi
        typed="sudo sh -c '$(apt_line "$@")'"
    fi
    die 'installing these packages takes root, which this account cannot become by itself here.' \
        "Type this one line, then run 'make $level' again:" '' "$typed"
}

install_missing() {
    # Below, words are meant to be split: names of packages, and as_root.
    # shellcheck disable=SC2046,SC2086
    {
        set -- $(missing "$@")
        if [ "$#" -eq 0 ]; then
            say '      all there'
            return 0
        fi
        say "      missing: $*"
        become_root "$@"
        # A source that does not answer just now need not be the one that is needed.
        follow 's/^\(Err\|E\|W\):/      &/p' $as_root apt-get update || :
        # Shown: downloads from 1 MB up, and of the rest a sample, as a sign of life.
        follow 's/^Need to get \([^/]*\)\(\/.*\)\? of archives.*/      fetching \1/p
                s/^Get:[^ ]* [^ ]* [^ ]* [^ ]* \([^ ]*\) .* \[\([0-9]\{4,\} kB\|.* MB\)\]$/      fetched \1 (\2)/p
                0~16s/^Unpacking \([^ :]*\).*/      unpacking \1 and others/p
                0~16s/^Setting up \([^ :]*\).*/      setting up \1 and others/p
                s/^E: /      &/p' \
            $as_root env DEBIAN_FRONTEND=noninteractive apt-get -o DPkg::Lock::Timeout=300 \
            install -y --no-install-recommends "$@" ||
            die_with_log 'apt-get could not install the packages. By hand, as root, it is:' \
                "$(apt_line "$@")"
    }
}

say '[1/4] System packages'
choose_python
if ! on_debian; then
    say "      this is no Debian, so none are installed; needed is what it calls: $system_packages"
elif [ -z "$python" ]; then
    # shellcheck disable=SC2086
    install_missing $system_packages python3 python3-dev python3-venv
    choose_python
else
    lacking=$(packages_of_python)
    case $python in
        /usr/bin/*) ;;
        *)
            [ -z "$lacking" ] || die "$python lacks what Debian calls $lacking" \
                "Add it there, or take the system's interpreter: make $level PYTHON=/usr/bin/python3"
            ;;
    esac
    # shellcheck disable=SC2086
    install_missing $system_packages $lacking
fi
[ -n "$python" ] || die 'there is no CPython 3.11, 3.12 or 3.13 on the path.' \
    "Install one, then say where it is: make $level PYTHON=/path/to/python3"

# ------------------------------------------------------------------------------- virtual environment

say "[2/4] Virtual environment ${venv#"$root"/}"
if venv_is_sound && "$venv/bin/python" -m pip --version >>"$log" 2>&1; then
    say "      there already, with Python $(supported "$python")"
else
    say "      made with $python, Python $(supported "$python")"
    # Elsewhere never with --system-site-packages: among those a Raspberry Pi keeps the real libcamera,
    # which the simulated one of the same name must neither meet nor hide.
    system=''
    [ "$level" != real ] || system=--system-site-packages
    # shellcheck disable=SC2086 # nothing, or one word
    follow '' "$python" -m venv --clear $system "$venv" ||
        die_with_log "$python could not make a virtual environment."
    printf '%s\n' "$root" >"$venv/made-in"
fi

# ----------------------------------------------------------------------------------- Python packages

say '[3/4] Python packages'
# Of the downloads, those that take time are shown: from 1 MB up.
pip_progress='/\.metadata (/d
    s/^ *\(Downloading\|Using cached\) \([^ -]*\)-\([^ -]*\)[^ ]* \((.* [MG]B)\).*/      fetched \2 \3 \4/p
    s/^ *Building \(wheel\|editable\) for \([^ ]*\) .*: started/      building \2/p
    s/^Installing collected packages.*/      installing/p
    s/^ *ERROR: /      &/p'
# Everything is built by the setuptools of constraints.txt, not by the newest that pip would fetch
# for each build anew; hence first that, then the rest without build isolation. pip would compile
# with one processor what it has installed; a file that cannot be compiled is no error to it either.
{
    follow "$pip_progress" "$venv/bin/python" -m pip install --progress-bar off \
        -c constraints.txt setuptools &&
        follow "$pip_progress" "$venv/bin/python" -m pip install --progress-bar off --no-compile \
            --no-build-isolation -c constraints.txt -e ".[$extras]" -e ./hw-mocks &&
        { follow '' "$venv/bin/python" -m compileall -q -j 0 "$venv/lib" || :; }
} || die_with_log "pip could not install the Python packages; 'make $level' tries again."

# ---------------------------------------------------------------------------------------- film clips

say '[4/4] Film clips for the simulated sensor'
"$venv/bin/python" -m hw_mocks.clips fetch >&2 ||
    die "the film clips could not be fetched; 'make $level' tries again."
"$venv/bin/python" -m hw_mocks.clips list >"$venv/clips"

printf '%s\n' "$key" >"$venv/prepared-$level"
case $level in run | real) ;; *) printf '%s\n' "$key" >"$venv/prepared-run" ;; esac
case $level in bench | campaign) printf '%s\n' "$key" >"$venv/prepared-test" ;; esac
say "Set up in $(($(date +%s) - started)) s."
