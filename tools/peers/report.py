#!/usr/bin/env python3
"""Print what run.py --json has written: tables for the terminal, or with
--markdown those of README.md and docs/performance.md.

    tools/peers/report.py [--markdown] FILE...
"""

import argparse
import datetime
import json
import os
import platform
import re
import sys
from statistics import median

from loop import CHAINS, DEFAULT, SIZES

# How many times faster Joule is meant to be in sampling: at the default size
# than the report's code, by threads, and than the fastest of the others; at other sizes
# than the fastest of all.
AGAINST_DOCUMENT, AGAINST_BEST, AGAINST_ANY = {1: 4.0, 2: 6.0}, 3.5, 2.5


def processor():
    try:
        with open("/proc/cpuinfo") as f:
            for line in f:
                if line.startswith("model name"):
                    return line.split(":", 1)[1].strip()
    except OSError:
        pass
    return platform.processor() or platform.machine()


def load():
    return [round(v, 2) for v in os.getloadavg()] if hasattr(os, "getloadavg") else None


def facts(options, pinned):
    """State what a table is worth nothing without."""
    return {
        "date": datetime.datetime.now().astimezone().isoformat(timespec="seconds"),
        "processor": "%s, %d CPUs" % (processor(), os.cpu_count()),
        "system": "%s %s" % (platform.system(), platform.release()),
        "model": options.model or "fresh weights",
        "rounds": options.rounds,
        "seconds": options.seconds,
        "pinned": pinned,
    }


def result(contest, before, after):
    """Sum up what was timed at one size."""
    found = rows(contest.peers, contest.work, contest.steps)
    return {
        "size": contest.name,
        "work": contest.work,
        "steps": contest.steps,
        "load_average_before": before,
        "load_average_after": after,
        "rows": found,
        "targets": targets(contest.name, contest.work, found),
    }


def spread(values):
    return {"median": median(values), "min": min(values), "max": max(values)}


def rows(peers, work, steps):
    """Sum up each peer: milliseconds of a Langevin step, or of a training step,
    and how many times as long as Joule it took."""
    out = []
    for peer in peers:
        # The i-th times of all peers were taken within one round.
        joule = next(p for p in peers if p.engine == "joule" and p.threads == peer.threads)
        scale = 1000 if work == "train" else 1000 / steps
        out.append({
            "framework": peer.name,
            "engine": peer.engine,
            "threads": peer.threads,
            "ms": spread([scale * t for t in peer.times]),
            "image_gradients_per_second": CHAINS * steps / median(peer.times),
            "joule_faster": spread([a / b for a, b in zip(peer.times, joule.times)]),
            "cores_busy": median(peer.busy) if peer.busy else None,
            "apart": peer.apart,
            "ms_of_each_round": [scale * t for t in peer.times],
        })
    return out


def groups(size, threads, peers):
    """List what Joule is compared with: whom in words, their rows, the target."""
    if size != DEFAULT:
        return [("the fastest", peers, AGAINST_ANY)]
    document = [r for r in peers if r["engine"] == "torch-document"]
    others = [r for r in peers if r["engine"] != "torch-document"]
    return [("the report's code", document, AGAINST_DOCUMENT.get(threads, AGAINST_DOCUMENT[2])),
            ("the fastest of the others", others, AGAINST_BEST)]


def closest(peers):
    return min(peers, key=lambda r: r["joule_faster"]["median"])


def at(rows, threads):
    """Return Joule's row at so many threads, and the others'."""
    here = [r for r in rows if r["threads"] == threads]
    return next(r for r in here if r["engine"] == "joule"), [r for r in here if r["engine"] != "joule"]


def threads_of(rows):
    return sorted({r["threads"] for r in rows})


def targets(size, work, rows):
    """Compare with what Joule set out to reach, in sampling alone."""
    out = []
    for threads in threads_of(rows) if work == "loop" else []:
        for what, group, want in groups(size, threads, at(rows, threads)[1]):
            if group:
                row = closest(group)
                got = row["joule_faster"]["median"]
                out.append({"size": size, "threads": threads, "against": what, "row": row["framework"],
                            "target": want, "measured": got, "met": got >= want})
    return out


def between(s, digits):
    return "%.*f [%.*f–%.*f]" % (digits, s["median"], digits, s["min"], digits, s["max"])


def head(everything):
    return [
        "%s · %s · %s" % (everything["date"], everything["processor"], everything["system"]),
        "model: %s · rounds: %d of %g s each" % (everything["model"], everything["rounds"], everything["seconds"]),
        "threads: " + ("asked for, and held to as many CPUs" if everything["pinned"] else "asked for; this system cannot hold processes to CPUs"),
    ]


def unit(result):
    return "training step" if result["work"] == "train" else "Langevin step"


def wide(result):
    """The table of one result, with all that was measured."""
    lines = [
        "%s: a %s, chains of %d steps · load average %s before, %s after"
        % (result["size"], unit(result), result["steps"], result["load_average_before"], result["load_average_after"]),
        "",
        "| framework | threads | ms a %s, median [min–max] | image-gradients/s | Joule is × faster, median [min–max] | cores busy |" % unit(result),
        "|---|---|---|---|---|---|",
    ]
    for r in result["rows"]:
        lines.append("| %s | %d | %s | %s | %s | %s |" % (
            r["framework"], r["threads"], between(r["ms"], 2), format(round(r["image_gradients_per_second"]), ","),
            "1" if r["engine"] == "joule" else between(r["joule_faster"], 2),
            "" if r["cores_busy"] is None else "%.2f" % r["cores_busy"]))
    return lines


def verdicts(results):
    return ["%s, %s, %d thread%s: %.2f× against %s (%s), target %.1f×" % (
        "met" if g["met"] else "MISSED", g["size"], g["threads"], "s" * (g["threads"] > 1), g["measured"], g["against"], g["row"], g["target"])
        for r in results for g in r["targets"]]


def text(files):
    """What run.py prints."""
    lines = []
    for everything in files:
        lines += head(everything)
        for r in everything["results"]:
            lines += ["", *wide(r)]
        lines += ["", *verdicts(everything["results"]), ""]
    return "\n".join(lines).rstrip()


def short(framework):
    """PyTorch 2.15.0+cu132 is PyTorch 2.15 in a table for readers."""
    return re.sub(r"((?:PyTorch|JAX) \d+\.\d+)[^ ,]*", r"\1", framework)


def count(threads):
    return {1: "one thread", 2: "two threads"}.get(threads, "%d threads" % threads)


def of(result):
    size = SIZES[result["size"]]
    return "%d×%d×%d, width %d" % (size.side, size.side, size.channels, size.width)


def ratio(row):
    return "%.1f ×" % row["joule_faster"]["median"]


def table(header, body):
    lines = ["|%s|" % "|".join(" %s " % cell if cell else " " for cell in cells) for cells in [header, *body]]
    return [lines[0], "|" + "---|" * len(header), *lines[1:]]


def frameworks(result):
    """A row for each framework, as in README.md."""
    threads = threads_of(result["rows"])
    header, cells = [""], {}
    for n in threads:
        header += ["ms, %s" % count(n), "Joule is faster by"]
        joule, others = at(result["rows"], n)
        for r in [joule, *others]:
            name = "**Joule**" if r is joule else short(r["framework"])
            cells.setdefault(name, {})[n] = ["%.2f" % r["ms"]["median"], "" if r is joule else ratio(r)]
    body = [[name, *sum((row.get(n, ["", ""]) for n in threads), [])] for name, row in cells.items()]
    return ["A %s, %s, chains of %d steps:" % (unit(result), of(result), result["steps"]), "", *table(header, body)]


def sizes(results):
    """A row for each size, with the fastest of the others, for the numbers of
    threads that all of them were measured with."""
    threads = [n for n in threads_of(results[0]["rows"]) if all(n in threads_of(r["rows"]) for r in results)]
    header = ["images, width"]
    for n in threads:
        header += ["Joule, ms, %s" % count(n), "the fastest other, ms", "which", "Joule is faster by"]
    body = []
    for result in results:
        cells = [of(result)]
        for n in threads:
            joule, others = at(result["rows"], n)
            cells.append("%.2f" % joule["ms"]["median"])
            best = closest(others) if others else None
            cells += ["%.2f" % best["ms"]["median"], short(best["framework"]), ratio(best)] if best else ["", "", ""]
        body.append(cells)
    return ["A %s at each size:" % unit(results[0]), "", *table(header, body)]


def markdown(files):
    """The tables of README.md and docs/performance.md."""
    lines = []
    for everything in files:
        versions = sorted({r["framework"] if r["engine"] == "joule" else r["framework"].split(", ")[0]
                           for result in everything["results"] for r in result["rows"]})
        made = "(Rounds: %d. %s, %s; %s.)" % (everything["rounds"], everything["date"][:10], everything["processor"], ", ".join(versions))
        if made not in lines:
            lines += [made, ""]
    results = [r for everything in files for r in everything["results"]]
    for work in ("loop", "train"):
        done = [r for r in results if r["work"] == work]
        for r in done:
            if r["size"] == DEFAULT:
                lines += [*frameworks(r), ""]
        compared = [r for r in done if any(row["engine"] != "joule" for row in r["rows"])]
        if len(compared) > 1:
            lines += [*sizes(compared), ""]
    return "\n".join(lines).rstrip()


def main():
    p = argparse.ArgumentParser(description="Print what run.py --json has written.")
    p.add_argument("files", nargs="+", metavar="FILE")
    p.add_argument("--markdown", action="store_true", help="the tables of README.md and docs/performance.md")
    options = p.parse_args()
    files = []
    for path in options.files:
        with open(path) as f:
            files.append(json.load(f))
    print(markdown(files) if options.markdown else text(files))


if __name__ == "__main__":
    try:
        main()
    except (OSError, ValueError) as fault:
        sys.exit("peers: %s" % fault)
