# The body of a stub: the line above sets CONFIG. Standard library only.
import json
import os
import pwd
import select
import signal
import stat
import sys
import tempfile
import threading
import time

IDLE = 1.0  # seconds without input after which standard input counts as nobody's
PATIENCE = 10.0  # seconds for which input that keeps coming is read beyond the stub's own time
KEPT = 1 << 20  # bytes of standard input that are recorded
DRAINED = 1 << 30  # bytes of it that are read at all


class Record:
    """One call, written at its start and again once its standard input is known."""

    def __init__(self):
        uid = os.geteuid()
        try:
            user = pwd.getpwuid(uid).pw_name
        except KeyError:
            user = str(uid)
        self.entry = {"argv": sys.argv, "at": time.time(), "user": user, "env": dict(os.environ), "stdin": ""}
        self.path = os.path.join(CONFIG["calls"], "%d-%d.json" % (time.time_ns(), os.getpid()))
        self.write()

    def write(self):
        draft = "%s.%d" % (self.path, os.getpid())
        with open(draft, "w") as stream:
            json.dump(self.entry, stream)
            stream.write("\n")
        os.rename(draft, self.path)


def read_stdin(record, end, patience, most):
    """Read standard input as long as something comes; return what is kept, and whether it ended.

    It is waited for until ``end``, and read until ``patience`` seconds later or ``most`` bytes.
    """
    data, size, ended = b"", 0, False
    last = max(end, time.monotonic()) + patience
    try:
        if stat.S_ISCHR(os.fstat(0).st_mode):
            return data, False  # a terminal or /dev/null
        while size < most and time.monotonic() < last:
            if not select.select([0], [], [], max(IDLE, end - time.monotonic()))[0]:
                break
            chunk = os.read(0, min(65536, most - size))
            if not chunk:
                ended = True
                break
            size += len(chunk)
            data += chunk[: KEPT - len(data)]
    except OSError:
        pass
    if data:
        record.entry["stdin"] = data.decode("utf-8", "replace")
        record.write()
    return data, ended


def replay(data, ended):
    """Let standard input begin anew with ``data``, which has been read of it."""
    if ended:
        again = tempfile.TemporaryFile()
        again.write(data)
        again.seek(0)
        os.dup2(again.fileno(), 0)
    elif data:
        ours, theirs = os.pipe()
        if os.fork() == 0:
            try:
                os.close(ours)
                feed(data, theirs)
            finally:
                os._exit(0)
        os.dup2(ours, 0)
        os.close(ours)
        os.close(theirs)


def feed(data, pipe):
    """Write ``data`` into a pipe, and what comes on standard input, as long as somebody reads it."""
    nothing = os.open(os.devnull, os.O_RDWR)
    os.dup2(nothing, 1)
    os.dup2(nothing, 2)
    with open(pipe, "wb", buffering=0) as stream:
        poll = select.poll()
        poll.register(0, select.POLLIN)
        poll.register(pipe, 0)
        while data:
            data = data[stream.write(data) :]
            if not data and pipe not in dict(poll.poll()):
                data = os.read(0, 65536)


def serve(port, body):
    import http.server

    class Answer(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            self.send_response(200)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            if self.command != "HEAD":
                self.wfile.write(body)

        do_POST = do_PUT = do_HEAD = do_GET

        def log_message(self, *_):
            pass

    try:
        server = http.server.ThreadingHTTPServer(("", port), Answer)
    except OSError as error:
        sys.exit("stub %s cannot listen at port %d: %s" % (sys.argv[0], port, error.strerror))
    threading.Thread(target=server.serve_forever, daemon=True).start()


def main():
    record = Record()
    end = time.monotonic() + CONFIG["takes"]
    if CONFIG["script"]:
        replay(*read_stdin(record, end, IDLE, KEPT))
        signal.signal(signal.SIGPIPE, signal.SIG_DFL)  # Python ignores it, and what it starts would, too
        os.execv(CONFIG["script"], sys.argv)
    if CONFIG["listens"]:
        serve(CONFIG["listens"], CONFIG["stdout"].encode())
        read_stdin(record, time.monotonic(), PATIENCE, DRAINED)
        end = end if CONFIG["takes"] else float("inf")
    else:
        sys.stdout.write(CONFIG["stdout"])
        sys.stdout.flush()
        sys.stderr.write(CONFIG["stderr"])
        sys.stderr.flush()
        read_stdin(record, end, PATIENCE, DRAINED)
    while time.monotonic() < end:
        time.sleep(min(3600, max(0, end - time.monotonic())))
    sys.exit(CONFIG["rc"])


main()
