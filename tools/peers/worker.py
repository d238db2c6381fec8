"""One framework's worker in the comparison that run.py makes.

    python worker.py ENGINE --model FILE --start FILE --size NAME --threads N

It reads one request a line from standard input and answers each with one
line, both JSON. Images and energies pass through files of little-endian
float32. tools/peers/joule/main.go is its counterpart in Go.
"""

import argparse
import json
import os
import struct
import sys
import time

import numpy as np

from loop import SIZES


def read_model(path):
    """Return the tensors of a .safetensors file by name."""
    with open(path, "rb") as f:
        data = f.read()
    (length,) = struct.unpack("<Q", data[:8])
    header, body = json.loads(data[8 : 8 + length]), data[8 + length :]
    said = header.pop("__metadata__", {}).get("output")
    if said != "energy":
        raise ValueError("%s: output is %r, want 'energy'" % (path, said))
    weights = {}
    for name, t in header.items():
        if t["dtype"] == "F32":
            begin, end = t["data_offsets"]
            weights[name] = np.frombuffer(body[begin:end], "<f4").reshape(t["shape"]).copy()
    return weights


def build(engine, weights, threads):
    if engine.startswith("torchebm"):
        import in_torchebm

        return in_torchebm.ENGINES[engine](weights, threads)
    if engine.startswith("torch"):
        import in_torch

        return in_torch.ENGINES[engine](weights, threads)
    import in_jax

    return in_jax.ENGINES[engine](weights)


class Worker:
    def __init__(self, options):
        size = SIZES[options.size]
        self.shape = (size.channels, size.side, size.side)
        self.engine = build(options.engine, read_model(options.model), options.threads)
        self.start = self.read(options.start)
        self.training = None

    def read(self, path):
        return np.fromfile(path, "<f4").reshape(-1, *self.shape)

    def answer(self, request):
        """Carry out one request and return the reply."""
        do, engine = request["do"], self.engine
        if do == "loop":
            x = engine.prepare(self.start)
            return self.timed(request, lambda steps: engine.loop(x, steps))
        if do == "train":
            return self.timed(request, self.training.step)
        if do == "energies":
            out = engine.energies(self.read(request["images"]))
        elif do == "chain":
            out = engine.chain(self.read(request["images"]), request["steps"], request["noise"], request["step_size"])
        elif do == "rehearse":
            out = self.rehearse(request)
        else:
            return {"error": "unknown request %r" % do}
        np.ascontiguousarray(out, "<f4").tofile(request["out"])
        return {}

    def timed(self, request, work):
        begin = time.perf_counter()
        for _ in range(request["count"]):
            work(request["steps"])
        return {"seconds": time.perf_counter() - begin}

    def rehearse(self, request):
        import in_torch_train

        self.training = in_torch_train.begin(self.engine, self.shape, request["buffer"])
        real, start = self.read(request["images"]), self.read(request["start"])
        return self.training.rehearse(real, start, request["steps"])


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("engine")
    parser.add_argument("--model", required=True)
    parser.add_argument("--start", required=True, help="the 64 images that timed chains start from")
    parser.add_argument("--size", required=True, choices=SIZES)
    parser.add_argument("--threads", type=int, required=True)
    options = parser.parse_args()

    # Frameworks and compilers may print: keep them off the replies.
    replies = os.fdopen(os.dup(1), "w", buffering=1)
    os.dup2(2, 1)

    worker = Worker(options)
    print(json.dumps({"name": worker.engine.name, "version": worker.engine.version}), file=replies)
    for line in sys.stdin:
        try:
            reply = worker.answer(json.loads(line))
        except Exception as fault:  # whatever it is, the harness must hear of it
            reply = {"error": "%s: %s" % (type(fault).__name__, str(fault).strip().split("\n")[0])}
        print(json.dumps(reply), file=replies)


if __name__ == "__main__":
    main()
