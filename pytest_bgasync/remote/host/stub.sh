# The body of a stub that is neither a script nor listens. The lines above it set calls (the folder of the records),
# silence (a pipe that nobody writes to), reader (stub.py), rc, takes, stdout and stderr (formats of printf).
# It runs in bash from 5.0 on, called as sh, and in the ash of busybox. It starts no process: many calls side by
# side must cost little, a call that is killed leaves nothing behind, and no command of the host may be a stub itself.
LC_ALL=C LC_CTYPE=C LC_NUMERIC=C
# The clock that nobody sets tells hundredths only; within one, the names of records tell which call came first.
IFS=' ' read -r at word </proc/uptime
record=$calls/$at-$EPOCHREALTIME-$$

# Record a call at its start: the number of arguments, that of all words, then each of them, ended by NUL.
# Whoever reads fewer words than that knows that the record is not complete yet.
note() {
    argc=$#
    while IFS= read -r -d '' word; do
        set -- "$@" "$word"
    done </proc/self/environ
    printf '%s\0' "$at" "$argc" "$#" "$@" >"$record"
}

# Wait for a number of seconds.
rest() {
    read -r -t "$1" word <>"$silence"
}

note "$0" "$@" || exit 1
printf "$stdout"
printf "$stderr" >&2
if [ -e /dev/stdin ] && [ ! -c /dev/stdin ]; then
    # Neither closed, nor a terminal or /dev/null: what comes there is recorded, too.
    BGASYNC_RECORD=$record exec /usr/bin/python3 -I "$reader" "$0" "$@"
fi
[ "$takes" = 0 ] || rest "$takes"
exit "$rc"
