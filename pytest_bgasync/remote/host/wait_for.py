# Prints /proc/uptime, and then the lines of a file of JSON objects as soon as enough of them are for a path, at the
# latest when the time is over. Arguments: file, number, seconds, path ("" for any).
import json
import sys
import time


def main(name, number, seconds, path):
    end = time.monotonic() + float(seconds)
    while True:
        with open(name) as stream:
            lines = [line for line in stream if line.endswith("\n")]
        asked = [json.loads(line)["path"] for line in lines]
        if sum(path in ("", one, one.partition("?")[0]) for one in asked) >= int(number) or time.monotonic() >= end:
            with open("/proc/uptime") as stream:
                sys.stdout.write(stream.read() + "".join(lines))
            return
        time.sleep(0.05)


main(*sys.argv[1:])
