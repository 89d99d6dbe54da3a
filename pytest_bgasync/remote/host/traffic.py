# Sends a steady stream of requests and writes down how each ended. Started in the background with a
# configuration as its argument; stops when the file "stop" appears in its folder, or after so many
# requests as were allowed, waits for those that are under way, and then writes why into the file "done".
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
MOST = 500  # requests that may be under way at the same time
TICK = 0.02
BOOT_TIME = 7  # the clock of /proc/uptime, which nobody sets


class Stream:
    def __init__(self, config):
        self.url = config["url"]
        self.patience = config["patience"]
        self.late = "no answer within %g s" % self.patience
        self.folder = config["folder"]
        self.lock = threading.Lock()
        self.under_way = {}  # from the number of a request to when it was sent, on two clocks
        self.file = open(os.path.join(self.folder, "sent.jsonl"), "w")

    def send(self, number):
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
            error = self.late if isinstance(reason, socket.timeout) else str(reason) or type(problem).__name__
        self.end(number, status, error)

    def end(self, number, status, error):
        """Write down a request, once."""
        with self.lock:
            at, began = self.under_way.pop(number, (None, None))
            if at is None:
                return
            took = time.monotonic() - began
            if took > self.patience:
                status, error = None, self.late
            self.file.write(json.dumps({"at": at, "ended": at + took, "status": status, "error": error}) + "\n")
            self.file.flush()

    def begin(self, number):
        with self.lock:
            self.under_way[number] = time.clock_gettime(BOOT_TIME), time.monotonic()
            crowded = len(self.under_way) > MOST
        if crowded:
            self.end(number, None, "not sent: %d requests are without an answer" % MOST)
            return
        try:
            threading.Thread(target=self.send, args=(number,), daemon=True).start()
        except RuntimeError as problem:  # the host has no room for another thread
            self.end(number, None, "not sent: %s" % problem)

    def run(self, rate, most):
        stop, began, number = os.path.join(self.folder, "stop"), time.monotonic(), 0
        while not os.path.exists(stop) and number < most:
            if time.monotonic() >= began + number / rate:
                self.begin(number)
                number += 1
            else:
                time.sleep(min(TICK, max(0, began + number / rate - time.monotonic())))
        end = time.monotonic() + self.patience
        while self.under_way and time.monotonic() < end:
            time.sleep(TICK)
        for late in list(self.under_way):
            self.end(late, None, self.late)
        with open(os.path.join(self.folder, "ending"), "w") as file:
            file.write("limit" if number >= most else "stop")
        os.rename(file.name, os.path.join(self.folder, "done"))


def main(config):
    Stream(config).run(config["rate"], config["most"])
    os._exit(0)  # threads that hang are not waited for


main(json.loads(sys.argv[1]))
