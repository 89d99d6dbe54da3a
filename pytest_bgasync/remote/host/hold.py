# Put in front of a module whose job is to end in a certain way: the module stands still until the
# harness lets it begin, and again when it has started its first command. Standard library only.
def _bgasync_hold(fails):
    import os
    import signal
    import subprocess
    import time

    def join_runner():
        """Be in the process group of the runner, even if its supervisor makes that after the module was started.

        Else the group of the supervisor is orphaned when the runner ends at the limit, and as it has
        a member that stands still, the kernel ends all of it before a result is written.
        """
        runner, end = os.getppid(), time.monotonic() + 3
        while os.getpgid(runner) != runner and time.monotonic() < end:
            time.sleep(0.01)
        if os.getpgrp() != runner and os.getpgid(runner) == runner:
            os.setpgid(0, runner)

    class Popen(subprocess.Popen):
        """The first command of the module; with ``fails`` it has failed even if it ended well.

        That is not ``locale``: every module asks it first where the host does not have the task's locale.
        """

        def __init__(self, *args, **kwargs):
            command = args[0] if args else kwargs["args"]
            program = command[0] if isinstance(command, (list, tuple)) else command
            self._first = os.path.basename(os.fsdecode(program)) != "locale"
            if self._first:
                subprocess.Popen = self.__class__.__bases__[0]
            super().__init__(*args, **kwargs)
            if self._first:
                os.kill(os.getpid(), signal.SIGSTOP)

        @property
        def returncode(self):
            return 1 if fails and self._first and self._status == 0 else self._status

        @returncode.setter
        def returncode(self, status):
            self._status = status

    subprocess.Popen = Popen
    join_runner()
    os.kill(os.getpid(), signal.SIGSTOP)
