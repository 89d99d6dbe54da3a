"""Runs on a host: what its job files and its process table say, as one JSON object.

Standard library only; any Python from 3.6 on. The arguments are the pieces of a JSON object:
``files`` (job files to read; of one that ends in a dot only the beginning is known), ``folders``
(of job files, to list), ``pipes`` (whether to look at what is written to pipes), ``jobs`` (from marks of jobs
to their files and limits), ``notes`` (the folder in which their wrappers note when they wrote) and
``wait`` (real seconds; with it, the answer comes as soon as none of these jobs is at work any more).
Times are on the clock of /proc/uptime, which nobody sets.

``excerpt.py`` stands in front of this.
"""

import json
import os
import pwd
import select
import stat
import sys
import time
from contextlib import contextmanager

TICKS = os.sysconf("SC_CLK_TCK")
SIGHUP = 1
#: Real seconds after its start in which a wrapper may not have come to lead its process group.
STARTING = 3.0
#: Real seconds before its limit from which on a wrapper without its group may be the one that ends the job.
ENDING = 0.5
#: The clock of /proc/uptime and of the starts of processes; Python before 3.7 has no name for it.
BOOT_TIME = 7
#: Bytes up to which a job file is told whole, and all of those that are asked for, as they are sent.
WHOLE, ALL = 16 << 20, 64 << 20
#: How many bytes of each end of a long value are told once those are used up.
LEAST = 1 << 10


def uptime():
    return time.clock_gettime(BOOT_TIME)


def user_name(uid):
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return str(uid)


def read(path):
    with open(path, "rb") as stream:
        return stream.read()


@contextmanager
def acting_as(uid, gid):
    """Become another user for a moment: without further capabilities only its own user may look into a process."""
    try:
        os.setegid(gid)
        os.seteuid(uid)
        yield
    finally:
        os.seteuid(0)
        os.setegid(0)


def marks(folder):
    """Return what the harness put into the environment of a process."""
    try:
        lines = read(folder + "/environ").decode("utf-8", "replace").split("\0")
    except OSError:
        return {}
    return dict(line.split("=", 1) for line in lines if line.startswith("BGASYNC_") and "=" in line)


def unread(folder):
    """Say whether standard output or error is a pipe that nobody can read from any more."""
    for number in "12":
        path = folder + "/fd/" + number
        try:
            if not os.readlink(path).startswith("pipe:"):
                continue
            end = os.open(path, os.O_WRONLY | os.O_NONBLOCK)
        except OSError:
            continue
        poller = select.poll()
        poller.register(end, 0)  # a pipe without readers is always in error
        broken = poller.poll(0)
        os.close(end)
        if broken:
            return True
    return False


def wrote(folder):
    """Return how many bytes a process and its children that have ended wrote, if its output is a pipe; else 0."""
    try:
        if not any(os.readlink(folder + "/fd/" + number).startswith("pipe:") for number in "12"):
            return 0
        return int(read(folder + "/io").partition(b"wchar:")[2].split()[0])
    except (OSError, IndexError):
        return 0


def process(pid, pipes):
    folder = "/proc/" + pid
    try:
        status = os.stat(folder)
        # The name is in brackets and may hold anything, brackets too.
        fields = read(folder + "/stat").decode("utf-8", "replace").rpartition(")")[2].split()
        args = read(folder + "/cmdline").decode("utf-8", "replace").split("\0")[:-1]
        if not args:
            args = ["[" + read(folder + "/comm").decode("utf-8", "replace").strip() + "]"]
        ignored = read(folder + "/status").decode("utf-8", "replace").partition("SigIgn:")[2].split()[0]
        with acting_as(status.st_uid, status.st_gid):
            marked = marks(folder)
            closed = pipes and unread(folder)
            written = wrote(folder) if pipes else 0
    except (OSError, IndexError):
        return None  # it has gone in the meantime
    return {
        "pid": int(pid),
        "ppid": int(fields[1]),
        "pgid": int(fields[2]),
        "sid": int(fields[3]),
        "state": fields[0],
        "user": user_name(status.st_uid),
        "args": args,
        "started": int(fields[19]) / TICKS,
        "token": marked.get("BGASYNC_JOB"),
        "task": marked.get("BGASYNC_TASK"),
        "shell": int(marked["BGASYNC_SHELL"]) if marked.get("BGASYNC_SHELL", "").isdigit() else None,
        "hidden": "BGASYNC_NO_LOG" in marked,
        "hup": bool(int(ignored, 16) & 1 << SIGHUP - 1),
        "terminal": fields[4] != "0",
        "closed": closed,
        "wrote": written,
    }


def processes(pipes=False):
    found = [process(pid, pipes) for pid in os.listdir("/proc") if pid.isdigit()]
    return [p for p in found if p is not None and p["pid"] != os.getpid()]


def job_file(path, most=0, end=None):
    """Return what is in a job file; whole up to ``most`` bytes, else by ends of ``end`` bytes."""
    if path.endswith("."):
        folder, prefix = os.path.split(path)
        names = [name for name in listing(folder) if name.startswith(prefix) and not name.endswith(".tmp")]
        path = os.path.join(os.path.expanduser(folder), names[0]) if names else path
    try:
        number = os.open(os.path.expanduser(path), os.O_RDONLY | os.O_NONBLOCK)  # a pipe in its place must hold nobody
    except OSError:
        return None
    try:
        status = os.fstat(number)
        regular = stat.S_ISREG(status.st_mode)
        text = excerpt(number, status.st_size, status.st_size <= most, end) if regular else ""  # noqa: F821
    finally:
        os.close(number)
    return {
        "path": path,
        "text": text,
        "size": status.st_size,
        "age": time.time() - status.st_mtime,
        "user": user_name(status.st_uid),
        "regular": regular,
    }


def listing(folder):
    try:
        return sorted(os.listdir(os.path.expanduser(folder)))
    except OSError:
        return []


def job_files(paths):
    found, left = {}, ALL
    for path in paths:
        found[path] = job_file(path, min(WHOLE, left)) if left > 0 else job_file(path, 0, LEAST)
        left -= len(json.dumps(found[path]["text"])) if found[path] else 0
    return found


def noted(path):
    """Return when the wrapper of a job wrote last, by its own note; None where there is none."""
    try:
        number = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_NOFOLLOW)  # anybody may put anything there
    except OSError:
        return None
    try:
        status = os.fstat(number)
        lines = os.pread(number, 100, max(0, status.st_size - 100)) if stat.S_ISREG(status.st_mode) else b""
        at = float(lines.rpartition(b"\n")[0].rpartition(b"\n")[2])
        return at if 0 <= at <= uptime() else None  # neither "nan" nor a time to come
    except (OSError, ValueError):
        return None
    finally:
        os.close(number)


def census(request):
    # The processes first: a job that has gone from them has written all it ever will.
    table = processes(request["pipes"])
    files = job_files(request["files"])
    # Notes are older than what they are about, so that of all that was seen there is one.
    notes = {token: noted(os.path.join(request["notes"], token)) for token in request["jobs"]}
    folders = {path: listing(path) for path in request["folders"]}
    return {"processes": table, "files": files, "notes": notes, "folders": folders, "now": uptime()}


def at_work(jobs):
    """Return the pids of the wrappers that will write the results of jobs, and whether others may yet write some."""
    wrappers = [
        p
        for p in processes()
        if p["token"] in jobs and p["state"] not in "ZX" and any("async_wrapper" in a for a in p["args"])
    ]
    writers = {p["token"]: p["pid"] for p in wrappers if p["pid"] == p["pgid"]}
    # A wrapper that is alone will lead the group soon, or writes at the limit that its job has timed out.
    open_ = False
    for p in wrappers:
        age, (path, limit) = uptime() - p["started"], jobs[p["token"]]
        alone = p["token"] not in writers and (age < STARTING or age > limit - ENDING)
        open_ = open_ or (alone and not has_result(path))
    return list(writers.values()), open_


def has_result(path):
    """Say whether a job file holds more than that the job has started."""
    found = job_file(path) if path else None
    try:
        return found is not None and set(json.loads(found["text"])) != {"started", "finished", "ansible_job_id"}
    except (ValueError, TypeError, RecursionError):
        return False


def wait(jobs, end):
    """Wait until none of the jobs is at work any more, or until ``end`` on the monotonic clock."""
    while time.monotonic() < end:
        writers, others = at_work(jobs)
        if others:
            time.sleep(0.05)
        elif not writers:
            return
        for pid in writers:
            wait_for_process(pid, min(end, time.monotonic() + 0.05) if others else end)


def wait_for_process(pid, end):
    try:
        handle = os.pidfd_open(pid)
    except ProcessLookupError:
        return
    except (AttributeError, OSError):  # Python before 3.9, or a kernel that does not know it or forbids it
        while lives(pid) and time.monotonic() < end:
            time.sleep(0.1)
        return
    poller = select.poll()
    poller.register(handle, select.POLLIN)
    poller.poll(max(0, end - time.monotonic()) * 1000)
    os.close(handle)


def lives(pid):
    """Say whether a process is there and has not ended, as a zombie has."""
    try:
        return read("/proc/%d/stat" % pid).rpartition(b")")[2].split()[0] not in (b"Z", b"X")
    except OSError:
        return False


def main():
    request = json.loads("".join(sys.argv[1:]))
    if request["wait"]:
        wait(request["jobs"], time.monotonic() + request["wait"])
    json.dump(census(request), sys.stdout)


main()
