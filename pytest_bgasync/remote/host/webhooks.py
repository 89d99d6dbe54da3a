# The main process of the container that stands for webhook receivers: HTTP and HTTPS, and the name
# server of the scenario's hosts. It gets its configuration as the first line of standard input and
# ends when that closes. Requests and names are written to files, answers are read from one.
import http.server
import json
import os
import socket
import socketserver
import ssl
import sys
import threading
import time

FOLDER = "/run/bgasync-webhooks"
REQUESTS = FOLDER + "/requests.jsonl"
UNLISTED = FOLDER + "/unlisted.jsonl"
ANSWERS = FOLDER + "/answers.json"
PATIENCE = 5.0  # seconds in which the engine's name server answers
BOOT_TIME = 7  # the clock of /proc/uptime, which nobody sets
NO_ANSWER, NO_SUCH_NAME = 2, 3  # answers of a name server


class Journal:
    """A file with one JSON object a line, in the order in which they came."""

    def __init__(self, path):
        self.lock = threading.Lock()
        self.stream = open(path, "a")

    def write(self, **entry):
        with self.lock:
            self.stream.write(json.dumps(entry) + "\n")
            self.stream.flush()


class Receiver(http.server.BaseHTTPRequestHandler):
    """Records every request, of whatever method, and answers as the test has said."""

    protocol_version = "HTTP/1.1"
    timeout = 60

    def __getattr__(self, name):
        if name.startswith("do_"):
            return self.answer
        raise AttributeError(name)

    def answer(self):
        host = self.headers.get("Host", "")
        try:
            body = self.body()
        except ValueError:
            self.close_connection = True
            self.send_error(400, "the length of the body is no number")
            return
        self.server.requests.write(
            host=host.rsplit(":", 1)[0] if not host.endswith("]") else host,
            path=self.path,
            method=self.command,
            headers=list(self.headers.items()),
            body=body.decode("utf-8", "surrogateescape"),
            scheme=self.server.scheme,
            source=self.client_address[0],
            at=time.clock_gettime(BOOT_TIME),
        )
        answers = wanted_answers()
        answer = answers.get(self.path) or answers.get(self.path.partition("?")[0]) or {}
        time.sleep(answer.get("takes", 0))
        status, content = answer.get("status", 200), answer.get("body", "").encode("utf-8", "surrogateescape")
        print("%s %s://%s%s from %s: %d" % (
            self.command, self.server.scheme, host, self.path.partition("?")[0], self.client_address[0], status,
        ), flush=True)  # fmt: skip
        self.send_response(status)
        bare = status in (204, 304)
        if not bare:
            self.send_header("Content-Type", answer.get("type", "text/plain; charset=utf-8"))
            self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        if self.command != "HEAD" and not bare:
            self.wfile.write(content)

    def body(self):
        if "chunked" not in self.headers.get("Transfer-Encoding", "").lower():
            return self.rfile.read(int(self.headers.get("Content-Length") or 0))
        parts = []
        while True:
            size = int(self.rfile.readline().split(b";")[0], 16)
            parts.append(self.rfile.read(size))
            while self.rfile.readline().strip() and not size:
                pass  # what trails the last part, up to an empty line
            if not size:
                return b"".join(parts)

    def log_message(self, *_):
        pass


class Server(http.server.ThreadingHTTPServer):
    request_queue_size = 256

    def __init__(self, port, scheme, requests):
        self.scheme = scheme
        self.requests = requests
        super().__init__(("", port), Receiver)

    def handle_error(self, request, client_address):
        print("%s: %s" % (client_address[0], sys.exc_info()[1]), flush=True)


class NameServer(socketserver.ThreadingUDPServer):
    """Passes questions on to the engine's name server, and notes the names that are not in the scenario.

    Of Docker no others come here; hosts of Podman ask for all of them.
    """

    daemon_threads = True

    def __init__(self, resolver, listed, unlisted):
        self.upstream = resolver["nameserver"][0]
        # As they are, and as who looks for them in a domain of the engine's asks for them.
        suffixes = ["", *("." + domain for domain in resolver.get("search", []))]
        self.listed = {(name + suffix).lower() for name in listed for suffix in suffixes}
        self.unlisted = unlisted
        super().__init__(("", 53), Question)


class Question(socketserver.BaseRequestHandler):
    def handle(self):
        question, back = self.request
        answer = ask(question, self.server.upstream)
        name, outside = asked_name(question), answer[3] & 15 not in (NO_ANSWER, NO_SUCH_NAME)
        # Of an address the name is asked for in .arpa.
        if name.lower() not in self.server.listed and not name.endswith(".arpa"):
            self.server.unlisted.write(name=name, source=self.client_address[0], outside=outside)
            print("%s asked for %s, which nobody listed" % (self.client_address[0], name), flush=True)
        back.sendto(answer, self.client_address)


def ask(question, upstream):
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as asking:
        asking.settimeout(PATIENCE)
        try:
            asking.sendto(question, (upstream, 53))
            return asking.recv(65535)
        except OSError:
            # As the question, marked as an answer that could not be had.
            return question[:2] + bytes([question[2] | 0x80, 0x80 | NO_ANSWER]) + question[4:]


def asked_name(question):
    labels, at = [], 12
    while question[at]:
        labels.append(question[at + 1 : at + 1 + question[at]].decode("ascii", "replace"))
        at += 1 + question[at]
    return ".".join(labels)


def wanted_answers():
    try:
        with open(ANSWERS) as stream:
            return json.load(stream)
    except FileNotFoundError:
        return {}


def read_resolver():
    """Return what /etc/resolv.conf says, by its keywords."""
    found = {}
    with open("/etc/resolv.conf") as stream:
        for words in map(str.split, stream):
            if len(words) > 1:
                found.setdefault(words[0], []).extend(words[1:])
    return found


def main():
    run = json.loads(sys.stdin.readline())
    os.makedirs(FOLDER)
    certificate = FOLDER + "/certificate.pem"
    with open(certificate, "w") as stream:
        stream.write(run["certificate"])
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    requests = Journal(REQUESTS)
    plain, secure = Server(80, "http", requests), Server(443, "https", requests)
    # Each connection shakes hands in its own thread: one that does not must not stop the others.
    secure.socket = context.wrap_socket(secure.socket, server_side=True, do_handshake_on_connect=False)
    for server in (plain, secure, NameServer(read_resolver(), run["names"], Journal(UNLISTED))):
        threading.Thread(target=server.serve_forever, daemon=True).start()
    print("ready", flush=True)
    kept = False
    for order in iter(sys.stdin.readline, ""):
        if order == "keep\n":
            kept = True
            print("kept", flush=True)
    while kept:
        time.sleep(86400)


main()
