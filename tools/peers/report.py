"""What a run prints: facts about the machine, a row for each peer, targets."""

import datetime
import os
import platform
from statistics import median

from loop import CHAINS

AGAINST_DOCUMENT, AGAINST_BEST = 4.0, 2.5  # how many times faster Joule is meant to be


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
        "repetitions": options.repetitions,
        "seconds": options.seconds,
        "pinned": pinned,
    }


def spread(values):
    return {"median": median(values), "min": min(values), "max": max(values)}


def rows(peers):
    out = []
    for peer in peers:
        # The i-th times of all peers were taken within one repetition.
        joule = next(p for p in peers if p.engine == "joule" and p.threads == peer.threads)
        ms = spread(peer.times)
        out.append({
            "framework": peer.name,
            "engine": peer.engine,
            "threads": peer.threads,
            "ms_per_step": ms,
            "image_gradients_per_second": CHAINS * 1000 / ms["median"],
            "joule_faster": spread([a / b for a, b in zip(peer.times, joule.times)]),
            "cores_busy": median(peer.busy) if peer.busy else None,
            "apart": peer.apart,
            "ms_per_step_of_each_repetition": peer.times,
        })
    return out


def targets(rows):
    """Compare with what Joule set out to reach."""
    out = []
    for threads in sorted({r["threads"] for r in rows}):
        peers = [r for r in rows if r["threads"] == threads and r["engine"] != "joule"]
        document = [r for r in peers if r["engine"] == "torch-document"]
        others = [r for r in peers if r["engine"] != "torch-document"]
        for what, group, want in (("the report's code", document, AGAINST_DOCUMENT),
                                  ("the fastest of the others", others, AGAINST_BEST)):
            if group:
                closest = min(group, key=lambda r: r["joule_faster"]["median"])
                got = closest["joule_faster"]["median"]
                out.append({"threads": threads, "against": what, "row": closest["framework"],
                            "target": want, "measured": got, "met": got >= want})
    return out


def between(s, digits):
    return "%.*f [%.*f–%.*f]" % (digits, s["median"], digits, s["min"], digits, s["max"])


def table(facts, rows, goals):
    lines = [
        "%s · %s · %s" % (facts["date"], facts["processor"], facts["system"]),
        "model: %s · %d repetitions of %g s each · load average %s before, %s after"
        % (facts["model"], facts["repetitions"], facts["seconds"], facts["load_average_before"], facts["load_average_after"]),
        "threads: " + ("asked for, and held to as many CPUs" if facts["pinned"] else "asked for; this system cannot hold processes to CPUs"),
        "",
        "| framework | threads | ms a Langevin step, median [min–max] | image-gradients/s | Joule is × faster, median [min–max] | cores busy |",
        "|---|---|---|---|---|---|",
    ]
    for r in rows:
        lines.append("| %s | %d | %s | %s | %s | %s |" % (
            r["framework"], r["threads"], between(r["ms_per_step"], 2), format(round(r["image_gradients_per_second"]), ","),
            "1" if r["engine"] == "joule" else between(r["joule_faster"], 2),
            "" if r["cores_busy"] is None else "%.2f" % r["cores_busy"]))
    lines.append("")
    for g in goals:
        lines.append("%s, %d thread%s: %.2f× against %s (%s), target %.1f×"
                     % ("met" if g["met"] else "MISSED", g["threads"], "s" * (g["threads"] > 1), g["measured"], g["against"], g["row"], g["target"]))
    return "\n".join(lines)
