#!/usr/bin/env python3
"""Time the default recipe's Langevin loop in Joule, PyTorch and JAX, side by side.

    tools/peers/run.py [--model FILE] [--threads 1,2] [--repetitions 9] [--json]

README.md beside this file says how to read what comes out. This script needs
Go, Python 3.9 and its standard library only; the frameworks may be in other
interpreters.
"""

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time

import agree
import report
from peer import Fault, Peer, pick_cores

HERE = os.path.dirname(os.path.abspath(__file__))

TORCH = ["torch-document", "torch-tuned", "torch-channels-last", "torch-compile", "torch-compile-channels-last"]
JAX = ["jax-loop", "jax-steps"]


def say(text):
    print(text, file=sys.stderr, flush=True)


def parse():
    p = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    p.add_argument("--model", help="model.safetensors of the default network (default: fresh weights)")
    p.add_argument("--threads", default="1,2", help="numbers of threads (default 1,2)")
    p.add_argument("--repetitions", type=int, default=9, help="rounds of all frameworks (default 9)")
    p.add_argument("--seconds", type=float, default=1, help="how long to time each in each round (default 1)")
    p.add_argument("--pause", type=float, default=0.3, help="seconds between two turns (default 0.3)")
    p.add_argument("--python", action="append", metavar="[NAME=]PATH",
                   help="interpreter with numpy and torch or jax; may be repeated (default: those found)")
    p.add_argument("--only", help="what to run beside Joule, of %s (default: all)" % ",".join(TORCH + JAX))
    p.add_argument("--json", action="store_true", help="print JSON instead of the table")
    options = p.parse_args()
    try:
        options.threads = [int(n) for n in options.threads.split(",")]
    except ValueError:
        p.error("--threads is a list of numbers such as 1,2")
    if min(options.threads) < 1 or len(set(options.threads)) < len(options.threads):
        p.error("--threads must be at least 1 and differ")
    if options.repetitions < 1 or not 0 <= options.seconds <= 60 or not 0 <= options.pause <= 60:
        p.error("--repetitions must be at least 1, --seconds and --pause from 0 to 60")
    options.only = options.only.split(",") if options.only else TORCH + JAX
    unknown = set(options.only) - set(TORCH + JAX)
    if unknown:
        p.error("--only: no such thing as %s" % ", ".join(sorted(unknown)))
    return options


PROBE = """
import importlib, json
found = {}
for name in ("numpy", "torch", "jax"):
    try:
        found[name] = importlib.import_module(name).__version__
    except Exception:
        pass
print(json.dumps(found if "numpy" in found else {}))
"""


def probe(path):
    """Return the versions of the frameworks that an interpreter has."""
    try:
        run = subprocess.run([path, "-c", PROBE], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
        return json.loads(run.stdout.strip().split("\n")[-1])
    except (OSError, ValueError):
        return {}


def lineup(options):
    """List what to run beside Joule: (engine, interpreter, label). Say what is
    left out."""
    if options.python:
        found = [g.rpartition("=")[::2] for g in options.python]
    else:
        paths = [sys.executable, os.path.join(HERE, ".venv", "bin", "python"), shutil.which("python3"), "/usr/bin/python3"]
        found = [("", path) for path in dict.fromkeys(paths) if path and os.path.exists(path)]
    entries, seen = [], set()
    for label, path in found:
        versions = probe(path)
        if options.python and not versions.keys() & {"torch", "jax"}:
            say("%s is skipped: it has not both numpy and torch or jax" % path)
        for package, engines in (("torch", TORCH), ("jax", JAX)):
            key = (package, versions.get(package), label)
            if package in versions and key not in seen:
                seen.add(key)
                entries += [(e, path, label) for e in engines if e in options.only]
    for package, name in (("torch", "PyTorch"), ("jax", "JAX")):
        if not any(key[0] == package for key in seen):
            say("%s is skipped: no interpreter here has it (tools/peers/setup.sh installs it)" % name)
    return entries


def prepare(folder, options):
    """Build Joule's worker and write the model, the starting images and the
    images whose energies are compared. Return the worker's command."""
    binary = os.path.join(folder, "joule.exe" if os.name == "nt" else "joule")
    start, images = (os.path.join(folder, name) for name in ("start.f32", "images.f32"))
    subprocess.run(["go", "build", "-o", binary, "./joule"], cwd=HERE, check=True)
    if options.model:
        model = os.path.abspath(options.model)
    else:
        model = os.path.join(folder, "model.safetensors")
        subprocess.run([binary, "-new", model], check=True)
    with Peer([binary, "-model", model], 1, [], folder) as joule:
        joule.ask(do="start", out=start)
        joule.ask(do="chain", steps=60, noise=0.005, step_size=10, out=images)
    # Noise and what the model makes of it: both ends of a chain.
    with open(images, "ab") as f, open(start, "rb") as s:
        f.write(s.read())
    return [binary, "-model", model]


def assemble(peers, options, folder, command):
    """Start and check all workers, adding them to peers: for each number of
    threads Joule, then the others."""
    entries = lineup(options)
    worker = [os.path.join(HERE, "worker.py"), "--model", command[-1], "--start", os.path.join(folder, "start.f32")]
    for threads in options.threads:
        cores = pick_cores(threads)
        joule = Peer(command + ["-threads", str(threads)], threads, cores, folder)
        peers.append(joule)
        want = agree.results(joule, folder)
        for engine, python, label in entries:
            say("%d thread(s): %s in %s" % (threads, engine, python))
            try:
                peer = Peer([python, *worker, "--threads", str(threads), engine], threads, cores, folder, engine, label)
            except Fault as fault:
                say("  skipped: %s" % fault)
                continue
            try:
                peer.ask(do="loop", count=1)  # whatever is compiled is compiled here
            except Fault as fault:
                say("  skipped: %s" % fault)
                peer.close()
                continue
            peers.append(peer)
            agree.check(peer, agree.results(peer, folder), want, folder)


def main():
    options = parse()
    peers = []
    with tempfile.TemporaryDirectory() as folder:
        facts = report.facts(options, pinned=bool(pick_cores(1)))
        command = prepare(folder, options)
        try:
            assemble(peers, options, folder, command)
            facts["load_average_before"] = report.load()
            for turn in range(options.repetitions):
                say("repetition %d of %d" % (turn + 1, options.repetitions))
                for peer in peers:
                    time.sleep(options.pause)  # until the last one's threads stop spinning
                    peer.turn(options.seconds)
            facts["load_average_after"] = report.load()
        finally:
            for peer in peers:
                peer.close()
    rows = report.rows(peers)
    goals = report.targets(rows)
    if options.json:
        print(json.dumps(dict(facts, rows=rows, targets=goals), indent=2, ensure_ascii=False))
    else:
        print(report.table(facts, rows, goals))


if __name__ == "__main__":
    try:
        main()
    except (Fault, subprocess.CalledProcessError, OSError) as fault:
        sys.exit("peers: %s" % fault)
    except KeyboardInterrupt:
        sys.exit(130)
