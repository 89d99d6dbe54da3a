# Put in front of async_wrapper: each time it writes the job file, it notes when, in a file of ours.
# Standard library only.
def _bgasync_note(path):
    import os
    import time

    rename = os.rename

    def noting_rename(source, target, *args, **kwargs):
        # The wrapper writes a draft and renames it. The note comes first: whoever sees the file finds it.
        try:
            note = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_NOFOLLOW | os.O_NONBLOCK, 0o644)
            try:
                os.write(note, b"%.6f\n" % time.clock_gettime(7))  # CLOCK_BOOTTIME, which nobody sets
            finally:
                os.close(note)
        except OSError:
            pass  # then there is the time of the file
        return rename(source, target, *args, **kwargs)

    os.rename = noting_rename
