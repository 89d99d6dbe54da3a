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


def read_stdin(record, until):
    """Read standard input as long as something comes; return it, or None if it did not end."""
    data = b""
    try:
        if stat.S_ISCHR(os.fstat(0).st_mode):
            return None  # a terminal or /dev/null
        while select.select([0], [], [], max(IDLE, until - time.monotonic()))[0]:
            chunk = os.read(0, 65536)
            if not chunk:
                return data
            data += chunk
    except OSError:
        pass
    finally:
        if data:
            record.entry["stdin"] = data.decode("utf-8", "replace")
            record.write()
    return None


def serve(port, body):
    import http.server

    class Answer(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            self.send_response(200)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
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
        data = read_stdin(record, time.monotonic())
        if data is not None:
            again = tempfile.TemporaryFile()
            again.write(data)
            again.seek(0)
            os.dup2(again.fileno(), 0)
        signal.signal(signal.SIGPIPE, signal.SIG_DFL)  # Python ignores it, and what it starts would, too
        os.execv(CONFIG["script"], sys.argv)
    if CONFIG["listens"]:
        serve(CONFIG["listens"], CONFIG["stdout"].encode())
        end = end if CONFIG["takes"] else float("inf")
    else:
        sys.stdout.write(CONFIG["stdout"])
        sys.stdout.flush()
        sys.stderr.write(CONFIG["stderr"])
        sys.stderr.flush()
        read_stdin(record, end)
    while time.monotonic() < end:
        time.sleep(min(3600, max(0, end - time.monotonic())))
    sys.exit(CONFIG["rc"])


main()
