"""Tests of what needs no framework: python3 -B -m unittest discover tools/peers."""

import json
import os
import py_compile
import sys
import tempfile
import unittest
from array import array
from types import SimpleNamespace

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, HERE)

import agree
import loop
import peer
import report


def timed(name, engine, threads, *seconds):
    return SimpleNamespace(name=name, engine=engine, threads=threads, times=list(seconds), busy=[], apart={})


def contest(size, work, *peers):
    return SimpleNamespace(name=size, work=work, steps=10, peers=list(peers))


def peers():
    return [
        timed("Joule devel", "joule", 1, 0.1, 0.2, 0.3),
        timed("PyTorch 2.15.0+cu132, the report's code", "torch-document", 1, 0.5, 0.8, 1.5),
        timed("JAX 0.10.2, each step in jit", "jax-steps", 1, 0.3, 0.4, 0.9),
        timed("Joule devel", "joule", 2, 0.1, 0.1, 0.1),
        timed("PyTorch 2.15.0+cu132, the report's code", "torch-document", 2, 0.4, 0.4, 0.4),
    ]


def everything(*results):
    return {"date": "2026-11-01T00:00:00", "processor": "P, 2 CPUs", "system": "S", "model": "fresh weights",
            "rounds": 3, "seconds": 1, "pinned": True, "results": list(results)}


class TestReport(unittest.TestCase):
    def test_ratios_are_of_each_round(self):
        rows = report.rows(peers(), "loop", 10)
        self.assertEqual([round(r["joule_faster"]["median"], 6) for r in rows], [1, 5, 3, 1, 4])
        self.assertAlmostEqual(rows[0]["ms"]["median"], 20)
        self.assertAlmostEqual(rows[0]["image_gradients_per_second"], 64 * 10 / 0.2)
        self.assertAlmostEqual(report.rows(peers(), "train", 10)[0]["ms"]["median"], 200)

    def test_targets(self):
        got = report.result(contest("28x28", "loop", *peers()), None, None)["targets"]
        self.assertEqual([(t["threads"], t["target"], t["met"]) for t in got], [(1, 4.0, True), (1, 3.5, False), (2, 6.0, False)])
        got = report.result(contest("128x128x1", "loop", *peers()), None, None)["targets"]
        self.assertEqual([(t["threads"], t["target"], t["met"]) for t in got], [(1, 2.5, True), (2, 2.5, True)])
        self.assertEqual(report.result(contest("28x28", "train", *peers()), None, None)["targets"], [])

    def test_tables(self):
        results = [report.result(contest(size, "loop", *peers()), [1, 1, 1], [2, 2, 2]) for size in ("28x28", "64x64x3")]
        saved = json.loads(json.dumps(everything(*results)))
        lines = report.markdown([saved]).split("\n")
        self.assertIn("| PyTorch 2.15, the report's code | 80.00 | 5.0 × | 40.00 | 4.0 × |", lines)
        self.assertIn("| JAX 0.10, each step in jit | 40.00 | 3.0 × | | |", lines)
        self.assertIn("| 64×64×3, width 32 | 20.00 | 40.00 | JAX 0.10, each step in jit | 3.0 × "
                      "| 10.00 | 40.00 | PyTorch 2.15, the report's code | 4.0 × |", lines)
        for table in (report.markdown([saved]), report.text([saved])):
            for block in table.split("\n\n"):
                cells = {line.count("|") for line in block.split("\n") if line.startswith("|")}
                self.assertLessEqual(len(cells), 1, block)
        self.assertIn("MISSED, 28x28, 2 threads: 4.00× against the report's code", report.text([saved]))

    def test_no_rival(self):
        alone = report.result(contest("28x28", "loop", peers()[0]), None, None)
        self.assertIn("**Joule**", report.markdown([everything(alone)]))


class TestAgree(unittest.TestCase):
    def test_hold(self):
        p = timed("p", "e", 1)
        agree.hold(p, "what", 0.5, 1)
        self.assertEqual(p.apart, {"what": 0.5})
        for apart in (2, float("nan"), float("inf")):
            with self.assertRaises(peer.Fault):
                agree.hold(p, "what", apart, 1)

    def test_training(self):
        """The whole path, with peers that write what is theirs to write."""
        with tempfile.TemporaryDirectory() as folder:
            def writes(*values):
                def ask(**request):
                    with open(request["out"], "wb") as f:
                        array("f", values).tofile(f)
                p = timed("p", "e", 1)
                p.ask = ask
                return p

            check = agree.TrainingCheck(writes(2, 3, 1, -1, 1e-6, 1e-4, -1e-4, -1e-4), folder, 64)
            # The sign of a gradient that is almost zero may differ.
            check.compare(writes(2, 3, 1, -1, -1e-6, 1e-4, -1e-4, 1e-4))
            for other in ((2.1, 3, 1, -1, 1e-6, 1e-4, -1e-4, -1e-4), (2, 3.1, 1, -1, 1e-6, 1e-4, -1e-4, -1e-4),
                          (2, 3, 1, -1.1, 1e-6, 1e-4, -1e-4, -1e-4), (2, 3, 1, -1, 1e-6, 1e-4, 1e-4, -1e-4),
                          (2, float("nan"), 1, -1, 1e-6, 1e-4, -1e-4, -1e-4), (2, 3, 1, -1, 1e-4, -1e-4)):
                with self.assertRaises(peer.Fault):
                    check.compare(writes(*other))


class TestFiles(unittest.TestCase):
    def test_compile(self):
        for name in os.listdir(HERE):
            if name.endswith(".py"):
                with tempfile.TemporaryDirectory() as folder:
                    py_compile.compile(os.path.join(HERE, name), os.path.join(folder, "out"), doraise=True)

    def test_buffer(self):
        self.assertEqual(loop.buffer(loop.SIZES[loop.DEFAULT]), 8192)
        for size in loop.SIZES.values():
            self.assertGreaterEqual(loop.buffer(size), loop.CHAINS)


if __name__ == "__main__":
    unittest.main()
