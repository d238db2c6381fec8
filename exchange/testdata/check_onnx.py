"""onnx checks what Joule exported, and onnxruntime runs it.

usage: check_onnx.py FOLDER...

A FOLDER holds f.onnx and energy.onnx, one model in either convention, and
images.safetensors: images [N,C,H,W] and their energies [N] by Joule.
"""

import os
import sys

import numpy as np
import onnx
import onnxruntime
from safetensors.numpy import load_file

for folder in sys.argv[1:]:
    data = load_file(os.path.join(folder, "images.safetensors"))
    images, energies = data["images"], data["energies"]
    assert len(images) >= 64

    for output, sign in (("f", -1), ("energy", 1)):
        path = os.path.join(folder, output + ".onnx")
        onnx.checker.check_model(path, full_check=True)
        model = onnx.load(path)
        assert model.producer_name == "joule" and model.ir_version == 8, model
        assert [(s.domain, s.version) for s in model.opset_import] == [("", 17)]
        metadata = {p.key: p.value for p in model.metadata_props}
        assert metadata["output"] == output and len(metadata["hash"]) == 16, metadata
        assert all(t.HasField("raw_data") for t in model.graph.initializer)
        session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
        (given,), (result,) = session.get_inputs(), session.get_outputs()
        assert (given.name, given.type, given.shape) == ("image", "tensor(float)", ["N", *images.shape[1:]])
        assert (result.name, result.type, result.shape) == (output, "tensor(float)", ["N"])
        for n in (1, 7, 64):
            (got,) = session.run(None, {"image": images[:n]})
            assert got.shape == (n,) and got.dtype == np.float32
            worst = np.max(np.abs(sign * got - energies[:n]) / np.maximum(1, np.abs(energies[:n])))
            assert worst <= 1e-5, "%s, %d images: off by %g" % (output, n, worst)
            print("%s, %d images: off by %.2g at most" % (output, n, worst))
