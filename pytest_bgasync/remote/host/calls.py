"""Runs on a host: prints the recorded calls of a stub, one JSON object a line, and then the time.

The argument is the folder of the calls. Times are on the clock of /proc/uptime, which nobody sets.

Standard library only; any Python from 3.6 on. A record consists of words, each ended by NUL: when the call began,
how many arguments it had, how many words follow, the arguments, the environment. Its standard input is in a file
beside it, if there was any.
"""

import json
import os
import pwd
import sys
import time

HEADER = 3
BOOT_TIME = 7


def read(path):
    try:
        with open(path, "rb") as stream:
            return stream.read(), os.fstat(stream.fileno()).st_uid
    except FileNotFoundError:
        return b"", None


def user_name(uid):
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return str(uid)


def call(path):
    """Return a call, None while it is being recorded."""
    content, uid = read(path)
    words = content.decode("utf-8", "surrogateescape").split("\0")[:-1]
    if len(words) < HEADER or len(words) < HEADER + int(words[2]):
        return None
    argv, env = words[HEADER : HEADER + int(words[1])], {}
    for word in words[HEADER + int(words[1]) :]:
        name, equals, value = word.partition("=")
        if equals:
            env.setdefault(name, value)
    stdin = read(path + ".stdin")[0].decode("utf-8", "replace")
    return {"argv": argv, "at": float(words[0]), "user": user_name(uid), "env": env, "stdin": stdin}


def main():
    for name in sorted(os.listdir(sys.argv[1])):
        found = None if name.endswith((".stdin", ".draft")) else call(os.path.join(sys.argv[1], name))
        if found is not None:
            print(json.dumps(found))
    print(json.dumps({"now": time.clock_gettime(BOOT_TIME)}))


main()
