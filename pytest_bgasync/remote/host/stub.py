# The body of a stub that is a script or listens, and of any stub on a host without a shell that can run stub.sh.
# stub.sh runs it, too, where there is standard input to record. The line above sets CONFIG. Standard library only.
import os
import select
import signal
import stat
import sys
import tempfile
import threading
import time

BOOT_TIME = 7  # the clock of /proc/uptime, which nobody sets
IDLE = 1.0  # seconds without input after which standard input counts as nobody's
PATIENCE = 10.0  # seconds for which input that keeps coming is read beyond the stub's own time
KEPT = 1 << 20  # bytes of standard input that are recorded
DRAINED = 1 << 30  # bytes of it that are read at all


class Record:
    """The record of one call, which calls.py reads: written at its start, its standard input once that is known."""

    def __init__(self):
        self.path = os.environ.get("BGASYNC_RECORD")
        self.begun = self.path is not None  # by stub.sh, which has also written what the stub writes
        if self.begun:
            return
        at = "%.6f" % time.clock_gettime(BOOT_TIME)
        self.path = os.path.join(CONFIG["calls"], "%s-%d" % (at, os.getpid()))
        with open("/proc/self/environ", "rb") as stream:
            environment = stream.read().split(b"\0")[:-1]
        words = [os.fsencode(word) for word in sys.argv] + environment
        header = [str(word).encode() for word in (at, len(sys.argv), len(words))]
        with open(self.path, "wb") as stream:
            stream.write(b"".join(word + b"\0" for word in header + words))

    def add_stdin(self, data):
        draft = self.path + ".draft"
        with open(draft, "wb") as stream:
            stream.write(data)
        os.rename(draft, self.path + ".stdin")


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
        record.add_stdin(data)
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


def be_called(name):
    """Let pgrep and ps know this process by the name of the stub."""
    with open("/proc/self/comm", "w") as stream:
        stream.write(os.path.basename(name))


def rest(end):
    """Wait until ``end`` on the monotonic clock."""
    while time.monotonic() < end:
        time.sleep(min(3600, max(0, end - time.monotonic())))


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
        if record.begun:
            be_called(sys.argv[1])
        else:
            sys.stdout.write(CONFIG["stdout"])
            sys.stdout.flush()
            sys.stderr.write(CONFIG["stderr"])
            sys.stderr.flush()
        read_stdin(record, end, PATIENCE, DRAINED)
    rest(end)
    sys.exit(CONFIG["rc"])


main()
