"""A peer is one framework's worker process at one number of threads."""

import json
import os
import subprocess
import threading
import time

PATIENCE = 900  # seconds for one answer; compilers are slow on busy machines
WARM_STEPS = 5  # of the loop that is not timed


class Fault(Exception):
    """What stops a run or leaves out a row, in words for the user."""


def pick_cores(threads):
    """Choose that many CPUs to run on, of different cores as far as possible,
    or none where the system cannot hold a process to them."""
    if not hasattr(os, "sched_getaffinity"):
        return []
    allowed = sorted(os.sched_getaffinity(0))
    if len(allowed) < threads:
        raise Fault("%d threads on %d CPUs: give fewer --threads" % (threads, len(allowed)))

    def rank(cpu):
        """0 for a core's first hardware thread, 1 for its second."""
        try:
            with open("/sys/devices/system/cpu/cpu%d/topology/thread_siblings_list" % cpu) as f:
                first = f.read().replace("-", ",").split(",")[0]
            return int(int(first) != cpu)
        except (OSError, ValueError):
            return 0

    return sorted(allowed, key=lambda cpu: (rank(cpu), cpu))[:threads]


def environment(threads):
    """What tells each framework how many threads to use. JAX has no setting of
    its own: XLA counts the CPUs it may run on, or believes NPROC."""
    n = str(threads)
    names = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS", "NPROC", "GOMAXPROCS")
    return dict(os.environ, JAX_PLATFORMS="cpu", PYTHONDONTWRITEBYTECODE="1", **{name: n for name in names})


class Peer:
    def __init__(self, command, threads, cores, folder, engine="joule", label=""):
        self.threads, self.engine = threads, engine
        self.times, self.busy = [], []  # of each round: seconds, cores in use
        self.apart = {}  # how far its results are from Joule's
        self.log = os.path.join(folder, "%s-%d.log" % (engine, threads))
        before = os.sched_getaffinity(0) if cores else None
        try:
            if cores:
                os.sched_setaffinity(0, cores)  # children inherit it
            with open(self.log, "wb") as log:
                self.process = subprocess.Popen(
                    command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=log,
                    env=environment(threads), text=True, bufsize=1)
        finally:
            if cores:
                os.sched_setaffinity(0, before)
        try:
            hello = self.answer()
        except Fault:
            self.close()
            raise
        self.version = hello["version"]
        self.name = ", ".join(part for part in (self.version, hello.get("name"), label) if part)

    def answer(self):
        watch = threading.Timer(PATIENCE, self.process.kill)
        watch.start()
        try:
            line = self.process.stdout.readline()
        finally:
            watch.cancel()
        if not line:
            self.process.wait()
            with open(self.log, errors="replace") as f:
                words = [l.strip() for l in f if l.strip()]
            raise Fault(words[-1] if words else "its process ended without a word")
        reply = json.loads(line)
        if "error" in reply:
            raise Fault(reply["error"])
        return reply

    def ask(self, **request):
        try:
            self.process.stdin.write(json.dumps(request) + "\n")
        except OSError:
            pass  # it has ended: answer says why
        return self.answer()

    def cpu_seconds(self):
        """Return the processor time of all its threads, None where unknown."""
        try:
            with open("/proc/%d/stat" % self.process.pid) as f:
                fields = f.read().rpartition(")")[2].split()
            return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
        except (OSError, ValueError, IndexError):
            return None

    def warm(self, work, steps):
        """Do the work once with a short chain, and return the seconds that it
        would take with one of so many steps."""
        few = min(WARM_STEPS, steps)
        return self.ask(do=work, count=1, steps=few)["seconds"] * steps / few

    def turn(self, work, steps, seconds):
        """Time this peer once: the work as often as fills about so many seconds,
        after a short one that warms caches and clock."""
        count = max(1, round(seconds / self.warm(work, steps)))
        cpu, wall = self.cpu_seconds(), time.perf_counter()
        took = self.ask(do=work, count=count, steps=steps)["seconds"]
        if cpu is not None:
            self.busy.append((self.cpu_seconds() - cpu) / (time.perf_counter() - wall))
        self.times.append(took / count)

    def close(self):
        if self.process.poll() is None:
            try:
                self.process.stdin.close()
                self.process.wait(10)
            except (OSError, subprocess.TimeoutExpired):
                self.process.kill()
                self.process.wait()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()
