# Sends a steady stream of requests and writes down how each ended. Started in the background with a
# configuration as its argument; stops when the file "stop" appears in its folder, at the latest after so
# many requests as were allowed, and then writes the file "done".
import http.client
import json
import os
import socket
import sys
import threading
import time
from urllib.error import HTTPError, URLError
from urllib.request import Request, urlopen

UNANSWERED = (URLError, http.client.HTTPException, OSError, ValueError)


class Stream:
    def __init__(self, config):
        self.url = config["url"]
        self.patience = config["patience"]
        self.folder = config["folder"]
        self.lock = threading.Lock()
        self.file = open(os.path.join(self.folder, "sent.jsonl"), "w")

    def send(self, at):
        status, error = None, None
        try:
            request = Request(self.url, headers={"User-Agent": "bgasync-traffic"})
            with urlopen(request, timeout=self.patience) as answer:
                answer.read()
                status = answer.status
        except HTTPError as refused:
            status, error = refused.code, str(refused)
        except UNANSWERED as problem:
            reason = getattr(problem, "reason", problem)
            error = "no answer within %g s" % self.patience if isinstance(reason, socket.timeout) else str(reason)
            error = error or type(problem).__name__
        with self.lock:
            self.file.write(json.dumps({"at": at, "ended": time.time(), "status": status, "error": error}) + "\n")
            self.file.flush()

    def run(self, rate, most):
        stop = os.path.join(self.folder, "stop")
        sending, began = [], time.monotonic()
        for number in range(most):
            while time.monotonic() < began + number / rate:
                time.sleep(min(0.02, max(0, began + number / rate - time.monotonic())))
            if os.path.exists(stop):
                break
            sending = [thread for thread in sending if thread.is_alive()]
            sending.append(threading.Thread(target=self.send, args=(time.time(),), daemon=True))
            sending[-1].start()
        for thread in sending:
            thread.join(self.patience + 1)
        with open(os.path.join(self.folder, "done"), "w"):
            pass


def main(config):
    Stream(config).run(config["rate"], config["most"])


main(json.loads(sys.argv[1]))
