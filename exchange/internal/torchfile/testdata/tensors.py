"""PyTorch saves tensors of every kind, and reads them back.

usage: tensors.py FOLDER

Each file left there, NAME.pt, is a dict of one tensor x. expected.json has for
each the bits of its numbers as float32, [] of a kind that has none, and null
where PyTorch does not read the file. Kinds that this PyTorch does not know are
left out.
"""

import collections
import inspect
import json
import os
import sys
import warnings
import zipfile

import torch

warnings.simplefilter("ignore")
folder = sys.argv[1]
has_safe = "weights_only" in inspect.signature(torch.load).parameters
expected = {}


class Subclass(torch.Tensor):
    pass


class Call:
    """Is saved as a call of a function of torch._utils."""

    def __init__(self, name, *args):
        self.call = getattr(torch._utils, name), args

    def __reduce__(self):
        return self.call


def load(name):
    # weights_only reads no pickles of protocols 4 and 5.
    for options in ({"weights_only": True}, {"weights_only": False}) if has_safe else ({},):
        try:
            return torch.load(os.path.join(folder, name), **options)["x"]
        except Exception:
            pass


def bits(name):
    x = load(name)
    if x is None:
        return None
    if not isinstance(x, torch.Tensor) or x.is_sparse or x.layout != torch.strided or x.is_quantized or x.is_meta or x.is_nested:
        return []
    if type(x) is Subclass or x.dtype not in (torch.float32, torch.float64, torch.float16, torch.bfloat16):
        return []
    return x.detach().float().contiguous().resolve_neg().flatten().view(torch.int32).tolist()


def save(name, make, **options):
    try:
        torch.save({"x": make()}, os.path.join(folder, name), **options)
    except Exception as e:
        print("left out:", name, repr(e)[:100])
        return
    expected[name] = bits(name)


def repack(name, source, change, compression=zipfile.ZIP_STORED):
    """Writes the archive source anew."""
    with zipfile.ZipFile(os.path.join(folder, source)) as old, zipfile.ZipFile(os.path.join(folder, name), "w", compression) as new:
        for entry in old.infolist():
            b = change(entry.filename, old.read(entry))
            if b is not None:
                new.writestr(entry.filename, b)
    expected[name] = bits(name)


def swapped(width):
    def change(name, b):
        if name.endswith("byteorder"):
            return b"big"
        if "/data/" in name:
            return b"".join(b[i : i + width][::-1] for i in range(0, len(b), width))
        return b

    return change


base = torch.arange(60).float().mul(0.7).sin()


def parameter():
    p = torch.nn.Parameter(base[:4].clone())
    p.note = "an attribute"
    return p


def noted():
    t = base[:4].clone()
    t.note = "an attribute"
    return t


def hooked():
    t = base[:4].clone().requires_grad_()
    t.register_hook(print)
    return t


def storage(t):
    return t.untyped_storage() if hasattr(t, "untyped_storage") else t.storage()


hooks = collections.OrderedDict()
empty = (False, hooks)
kinds = {
    "plain": lambda: base[:4].clone(),
    "offset": lambda: base[7:19].reshape(3, 4),
    "transposed": lambda: base[:12].reshape(3, 4).t(),
    "strided": lambda: base[1::3],
    "permuted": lambda: base[:24].reshape(2, 3, 4).permute(2, 0, 1),
    "expanded": lambda: base[3].expand(5, 2),
    "expanded-rows": lambda: base[:4].expand(3, 4),
    "overlapping": lambda: base.unfold(0, 8, 2),
    "channels-last": lambda: base[:48].reshape(1, 4, 3, 4).to(memory_format=torch.channels_last),
    "scalar": lambda: base[3],
    "empty": lambda: base[:0].reshape(0, 5),
    "empty-beyond": lambda: base[60:].reshape(3, 0),
    "parameter": lambda: torch.nn.Parameter(base[20:30]),
    "parameter-attribute": parameter,
    "attribute": noted,
    "hook": hooked,
    "grad": lambda: base[:4].clone().requires_grad_(),
    "buffer": lambda: torch.nn.Buffer(base[:4].clone()),
    "subclass": lambda: base[:4].clone().as_subclass(Subclass),
    "neg": lambda: torch._neg_view(base[5:9]),
    "neg-neg": lambda: torch._neg_view(torch._neg_view(base[5:9])),
    "neg-parameter": lambda: torch.nn.Parameter(torch._neg_view(base[5:9])),
    "neg-strided": lambda: torch._neg_view(base[:12].reshape(3, 4).t()),
    "real": lambda: torch.complex(base[:4], base[4:8]).real,
    "imag": lambda: torch.complex(base[:4], base[4:8]).imag,
    "conj-imag": lambda: torch.complex(base[:4], base[4:8]).conj().imag,
    "complex": lambda: torch.complex(base[:4], base[4:8]),
    "complex-conj": lambda: torch.complex(base[:4], base[4:8]).conj(),
    "sparse": lambda: base[:9].reshape(3, 3).to_sparse(),
    "csr": lambda: base[:9].reshape(3, 3).to_sparse_csr(),
    "quantised": lambda: torch.quantize_per_tensor(base[:4], 0.1, 3, torch.quint8),
    "quantised-channels": lambda: torch.quantize_per_channel(base[:4].reshape(2, 2), torch.ones(2), torch.zeros(2), 0, torch.qint8),
    "nested": lambda: torch.nested.nested_tensor([base[:2], base[:3]]),
    "meta": lambda: torch.empty(3, device="meta"),
    "float": lambda: 0.5,
    "storage": lambda: base[:4].clone().storage(),
    "v1": lambda: Call("_rebuild_tensor", base.storage(), 2, (4,), (1,)),
    "v2-marks-none": lambda: Call("_rebuild_tensor_v2", base.storage(), 2, (4,), (1,), *empty, None),
    "v2-marks-empty": lambda: Call("_rebuild_tensor_v2", base.storage(), 2, (4,), (1,), *empty, {}),
    "v2-neg-false": lambda: Call("_rebuild_tensor_v2", base.storage(), 2, (4,), (1,), *empty, {"neg": False}),
    "v2-hooks-none": lambda: Call("_rebuild_tensor_v2", base.storage(), 2, (4,), (1,), False, None),
    "v2-conj": lambda: Call("_rebuild_tensor_v2", base.storage(), 2, (4,), (1,), *empty, {"conj": True}),
    "v2-mark-unknown": lambda: Call("_rebuild_tensor_v2", base.storage(), 2, (4,), (1,), *empty, {"inverse": True}),
    "v2-four": lambda: Call("_rebuild_tensor_v2", base.storage(), 2, (4,), (1,)),
    "v2-eight": lambda: Call("_rebuild_tensor_v2", base.storage(), 2, (4,), (1,), *empty, {}, 1),
    "v3": lambda: Call("_rebuild_tensor_v3", storage(base), 2, (4,), (1,), *empty, torch.float32),
    "v3-half": lambda: Call("_rebuild_tensor_v3", storage(base.half()), 2, (4,), (1,), *empty, torch.float16),
    "v3-neg": lambda: Call("_rebuild_tensor_v3", storage(base), 2, (4,), (1,), *empty, torch.float32, {"neg": True}),
    "from-device": lambda: Call("_rebuild_device_tensor_from_cpu_tensor", base[:4].clone(), torch.float32, "cpu", False),
    "from-device-double": lambda: Call("_rebuild_device_tensor_from_cpu_tensor", base[:4].clone(), torch.float64, "cpu", False),
    "with-data": lambda: Call("_rebuild_parameter_with_state", base[:4].clone(), True, hooks, {"data": base[4:8].clone()}),
}
for name in "float16 bfloat16 float64 int8 int16 int32 int64 uint8 bool uint16 uint32 uint64 complex32 float8_e4m3fn float8_e5m2".split():
    if hasattr(torch, name):
        kinds[name] = lambda dtype=getattr(torch, name): base[:8].abs().add(1).to(dtype)

for name, make in kinds.items():
    save(name + ".pt", make)
    if not name.startswith("v"):
        save(name + "-legacy.pt", make, _use_new_zipfile_serialization=False)
save("protocol4.pt", kinds["offset"], pickle_protocol=4)
save("protocol5.pt", kinds["offset"], pickle_protocol=5)
if hasattr(torch.serialization, "set_crc32_options"):
    torch.serialization.set_crc32_options(False)
    save("no-checksums.pt", kinds["offset"])
    torch.serialization.set_crc32_options(True)
for name, width in {"plain": 4, "strided": 4, "float64": 8, "float16": 2, "bfloat16": 2, "imag": 4}.items():
    # Older versions read numbers as if their machine had written them.
    if hasattr(torch.serialization, "get_default_load_endianness"):
        repack("big-" + name + ".pt", name + ".pt", swapped(width))
repack("order-unknown.pt", "plain.pt", lambda name, b: b"middle" if name.endswith("byteorder") else b)
repack("order-none.pt", "plain.pt", lambda name, b: None if name.endswith("byteorder") else b)
repack("compressed.pt", "plain.pt", lambda name, b: b, zipfile.ZIP_DEFLATED)
with open(os.path.join(folder, "plain-legacy.pt"), "rb") as f:
    b = f.read()
at = b.index(b"little_endian")
at = b.index(b"\x88", at)
with open(os.path.join(folder, "big-legacy.pt"), "wb") as f:
    f.write(b[:at] + b"\x89" + b[at + 1 :])
expected["big-legacy.pt"] = bits("big-legacy.pt")

with open(os.path.join(folder, "expected.json"), "w") as f:
    json.dump(expected, f)
