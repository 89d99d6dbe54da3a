"""Runs on a host: what its job files and its process table say, as one JSON object.

Standard library only; any Python from 3.6 on. The first argument is a JSON object:
``files`` (job files to read), ``tokens`` (marks of jobs) and ``wait`` (real seconds; with
it, the answer comes as soon as none of the named jobs is at work any more).
"""

import json
import os
import pwd
import sys
import time

TICKS = os.sysconf("SC_CLK_TCK")
MARK = b"BGASYNC_JOB="


def user_name(uid):
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return str(uid)


def read(path):
    with open(path, "rb") as stream:
        return stream.read()


def mark(folder, uid, gid):
    """Return the mark of the job a process belongs to.

    Without further capabilities only its own user may read the environment of a process, so
    this becomes that user for a moment.
    """
    try:
        os.setegid(gid)
        os.seteuid(uid)
        found = [v for v in read(folder + "/environ").split(b"\0") if v.startswith(MARK)]
    except OSError:
        found = []
    finally:
        os.seteuid(0)
        os.setegid(0)
    return found[0][len(MARK) :].decode("ascii", "replace") if found else None


def process(pid, boot):
    folder = "/proc/" + pid
    try:
        status = os.stat(folder)
        # The name is in brackets and may hold anything, brackets too.
        fields = read(folder + "/stat").decode("utf-8", "replace").rpartition(")")[2].split()
        args = read(folder + "/cmdline").decode("utf-8", "replace").split("\0")[:-1]
        if not args:
            args = ["[" + read(folder + "/comm").decode("utf-8", "replace").strip() + "]"]
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
        "started": boot + int(fields[19]) / TICKS,
        "token": mark(folder, status.st_uid, status.st_gid),
    }


def processes():
    with open("/proc/uptime") as stream:
        boot = time.time() - float(stream.read().split()[0])
    found = [process(pid, boot) for pid in os.listdir("/proc") if pid.isdigit()]
    own = {os.getpid()}
    return [p for p in found if p is not None and p["pid"] not in own]


def job_file(path):
    try:
        status = os.stat(path)
        text = read(path).decode("utf-8", "surrogateescape")
    except OSError:
        return None
    return {"text": text, "written": status.st_mtime, "user": user_name(status.st_uid)}


def census(request):
    # The processes first: a job that has gone from them has written all it ever will.
    table = processes()
    files = {path: job_file(path) for path in request["files"]}
    return {"now": time.time(), "processes": table, "files": files}


def at_work(table, tokens):
    return any(
        p["token"] in tokens
        and p["state"] not in "ZX"
        and p["pid"] == p["pgid"]
        and any("async_wrapper" in a for a in p["args"])
        for p in table
    )


def main():
    request = json.loads(sys.argv[1])
    end = time.monotonic() + request.get("wait", 0)
    while time.monotonic() < end and at_work(processes(), set(request["tokens"])):
        time.sleep(0.05)
    json.dump(census(request), sys.stdout)


main()
