# Shared by the set-up scripts: messages, root rights, stamps. Sourced, never run.

ROOT=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
STATE="$ROOT/var/setup"   # logs and stamps; removing it only makes the next set-up look again
mkdir -p "$STATE"

say() { printf 'setup: %s\n' "$*"; }

# die WHAT HOW: one line that says what could not be had and how to get it.
die() {
    printf 'setup: could not get %s. %s\n' "$1" "$2" >&2
    exit 1
}

have() { command -v "$1" >/dev/null 2>&1; }

# as_root COMMAND...: run with root rights, by sudo when we are somebody else.
as_root() {
    if [ "$(id -u)" -eq 0 ]; then
        "$@"
    elif have sudo; then
        sudo -- "$@"
    else
        die "root rights for: $*" "Run the set-up as root, install sudo, or run that command as root and try again."
    fi
}

# logged NAME COMMAND...: keep the output in a file, show its end only when the command fails.
logged() {
    local log="$STATE/$1.log"
    shift
    if ! "$@" >"$log" 2>&1; then
        tail -n 25 "$log" >&2
        printf 'setup: failed: %s (whole output: %s)\n' "$*" "${log#"$ROOT/"}" >&2
        return 1
    fi
}

# digest FILE...: one hash over names and contents, to key a stamp with.
digest() { sha256sum -- "$@" | sha256sum | cut -c1-32; }

stamped() { [ "$(cat "$STATE/$1.stamp" 2>/dev/null)" = "$2" ]; }
stamp() { printf '%s\n' "$2" >"$STATE/$1.stamp"; }
