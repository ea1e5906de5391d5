# Stops a shared cluster when nobody has held it for a while.
# Arguments: lock of the holders, lock of the guardian, data directory, seconds to wait.
trap '' HUP INT
exec 8>>"$1" 9>>"$2"
flock -n 9 || exit 0

# A process that works in the data directory; a dead or reused id does not.
runs() { [ "$(readlink "/proc/$1/cwd")" = "$2" ]; }

while :; do
    # Waits for the last holder; the kernel releases the locks of killed ones too.
    flock 8 && flock -u 8
    sleep "$4"
    flock -n 8 || continue
    # From here a newcomer waits for us.
    pid=$(head -n 1 "$3/postmaster.pid" 2>/dev/null)
    if [ -n "$pid" ] && runs "$pid" "$3"; then
        kill -s INT "$pid"
        while runs "$pid" "$3"; do sleep 0.1; done
    fi
    # The guardian's lock goes first: a newcomer must not take us for its guardian.
    exec 9>&-
    exit 0
done
