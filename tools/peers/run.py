#!/usr/bin/env python3
"""Time the default recipe's Langevin loop, or its training step, in Joule,
PyTorch, TorchEBM and JAX, side by side.

    tools/peers/run.py [--sizes all] [--train] [--threads 1,2] [--rounds 7] [--json FILE]

README.md beside this file says how to read what comes out. This script needs
Go, Python 3.9 and its standard library only; the frameworks may be in other
interpreters.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time

import agree
import lineup
import report
from loop import DEFAULT, SIZES, STEPS, buffer
from peer import Fault, Peer, pick_cores

HERE = lineup.HERE


def say(text):
    print(text, file=sys.stderr, flush=True)


def names(text, known):
    """Split a list of names. None of them may be unknown."""
    given = text.split(",")
    unknown = set(given) - set(known)
    if unknown:
        raise argparse.ArgumentTypeError("no such thing as %s; there are %s" % (", ".join(sorted(unknown)), ", ".join(known)))
    return given


def counts(text):
    """Split a list of different numbers, 1 or more."""
    try:
        given = [int(n) for n in text.split(",")]
    except ValueError:
        given = [0]
    if min(given) < 1 or len(set(given)) < len(given):
        raise argparse.ArgumentTypeError("want a list of different numbers, such as 1,2")
    return given


def parse():
    p = argparse.ArgumentParser(description=" ".join(__doc__.split("\n\n")[0].split()))
    p.add_argument("--sizes", type=lambda text: list(SIZES) if text == "all" else names(text, SIZES), default=[DEFAULT],
                   help="sizes to compare at, or all: %s (default %s)" % (",".join(SIZES), DEFAULT))
    p.add_argument("--train", action="store_true", help="time whole training steps instead of the loop; in PyTorch alone")
    p.add_argument("--model", help="model.safetensors of the default network (default: fresh weights)")
    p.add_argument("--threads", type=counts, default=[1, 2], help="numbers of threads (default 1,2)")
    p.add_argument("--rounds", type=int, default=7, help="rounds in which all take their turns (default 7)")
    p.add_argument("--seconds", type=float, default=1, help="how long to time each in each round (default 1)")
    p.add_argument("--steps", type=int, help="Langevin steps of a timed loop or training step (default: %d; %s)"
                   % (STEPS, ", ".join("%d for a loop at %s" % (s.steps, n) for n, s in SIZES.items() if s.steps != STEPS)))
    p.add_argument("--pause", type=float, default=0.3, help="seconds between two turns (default 0.3)")
    p.add_argument("--python", action="append", metavar="[NAME=]PATH",
                   help="interpreter with numpy and torch, torchebm or jax; may be repeated (default: those found)")
    p.add_argument("--only", type=lambda text: names(text, lineup.ALL), default=lineup.ALL,
                   help="what to run beside Joule, of %s (default: all)" % ",".join(lineup.ALL))
    p.add_argument("--json", metavar="FILE", help="write everything to this file, too, after each size; report.py reads it")
    options = p.parse_args()
    if options.rounds < 1 or not 0 <= options.seconds <= 60 or not 0 <= options.pause <= 60:
        p.error("--rounds must be at least 1, --seconds and --pause from 0 to 60")
    if options.steps is not None and options.steps < 1:
        p.error("--steps must be at least 1")
    if options.model and options.sizes != [DEFAULT]:
        p.error("--model is of the default network: it goes with --sizes %s alone" % DEFAULT)
    return options


def build(folder):
    """Build Joule's worker and return its path."""
    binary = os.path.join(folder, "joule.exe" if os.name == "nt" else "joule")
    subprocess.run(["go", "build", "-o", binary, "./joule"], cwd=HERE, check=True)
    return binary


def prepare(binary, size, model, folder):
    """Write the model, the starting images and the images whose energies are
    compared. Return the model's path."""
    start, images = (os.path.join(folder, name) for name in ("start.f32", "images.f32"))
    if model:
        model = os.path.abspath(model)
    else:
        model = os.path.join(folder, "model.safetensors")
        shape = ["-size", str(size.side), "-channels", str(size.channels), "-width", str(size.width)]
        subprocess.run([binary, "-new", model, *shape], check=True)
    with Peer([binary, "-model", model], 1, [], folder) as joule:
        joule.ask(do="start", out=start)
        joule.ask(do="chain", steps=STEPS, noise=0.005, step_size=10, out=images)
    # Noise and what the model makes of it: both ends of a chain.
    with open(images, "ab") as f, open(start, "rb") as s:
        f.write(s.read())
    return model


class Contest:
    """One piece of work at one size, in all frameworks."""

    def __init__(self, options, name, folder):
        self.options, self.name, self.size, self.folder = options, name, SIZES[name], folder
        self.work = "train" if options.train else "loop"
        self.steps = options.steps or (STEPS if options.train else self.size.steps)
        self.peers = []

    def start(self, binary, entries):
        """Start and check all workers: for each number of threads Joule, then
        the others."""
        model = prepare(binary, self.size, self.options.model, self.folder)
        start = os.path.join(self.folder, "start.f32")
        worker = [os.path.join(HERE, "worker.py"), "--model", model, "--start", start, "--size", self.name]
        for threads in self.options.threads:
            cores = pick_cores(threads)
            joule = Peer([binary, "-model", model, "-threads", str(threads)], threads, cores, self.folder)
            self.peers.append(joule)
            checks = [agree.Check(joule, self.folder)]
            if self.work == "train":
                checks.append(agree.TrainingCheck(joule, self.folder, buffer(self.size)))
            for engine, python, label in entries:
                say("%s, %d thread(s): %s in %s" % (self.name, threads, engine, python))
                self.add([python, *worker, "--threads", str(threads), engine], threads, cores, engine, label, checks)

    def add(self, command, threads, cores, engine, label, checks):
        """Start a peer, hold it to Joule's results, and let it compile."""
        try:
            peer = Peer(command, threads, cores, self.folder, engine, label)
        except Fault as fault:
            say("  skipped: %s" % fault)
            return
        self.peers.append(peer)
        try:
            # Whatever is compiled is compiled here. A framework that cannot
            # do the work is left out; one that does other work ends the run.
            peer.ask(do="loop", count=1, steps=1)
        except Fault as fault:
            say("  skipped: %s" % fault)
            self.peers.remove(peer)
            peer.close()
            return
        for check in checks:
            check.compare(peer)
        say("  agrees: %s" % ", ".join("%s %.1g" % item for item in peer.apart.items()))
        peer.warm(self.work, self.steps)
        peer.ask(do=self.work, count=1, steps=self.steps)

    def run(self):
        for turn in range(self.options.rounds):
            say("%s, round %d of %d" % (self.name, turn + 1, self.options.rounds))
            for peer in self.peers:
                time.sleep(self.options.pause)  # until the last one's threads stop spinning
                peer.turn(self.work, self.steps, self.options.seconds)

    def close(self):
        for peer in self.peers:
            peer.close()


def main():
    options = parse()
    entries = lineup.find(options.python, [e for e in options.only if not options.train or e in lineup.TRAINING], say)
    everything = dict(report.facts(options, pinned=bool(pick_cores(1))), results=[])
    with tempfile.TemporaryDirectory() as folder:
        binary = build(folder)
        for name in options.sizes:
            contest = Contest(options, name, folder)
            try:
                contest.start(binary, entries)
                before = report.load()
                contest.run()
            finally:
                contest.close()
            everything["results"].append(report.result(contest, before, report.load()))
            if options.json:
                with open(options.json, "w") as f:
                    json.dump(everything, f, indent=2, ensure_ascii=False)
    print(report.text([everything]))


if __name__ == "__main__":
    try:
        main()
    except (Fault, subprocess.CalledProcessError, OSError) as fault:
        sys.exit("peers: %s" % fault)
    except KeyboardInterrupt:
        sys.exit(130)
