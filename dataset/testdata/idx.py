"""Writes files of the IDX format into the folder argv[1], folders of them as a
data set has them into argv[2], and into corpus.json what torchvision reads in
all of these."""

import gzip
import hashlib
import json
import math
import os
import pickle
import shutil
import struct
import sys
import zlib

import numpy
import torch
from torchvision.datasets import MNIST, mnist
from torchvision.datasets.utils import extract_archive

out, roots = sys.argv[1:]
os.makedirs(os.path.join(out, "unpacked"))
KINDS = {8: ">u1", 9: ">i1", 11: ">i2", 12: ">i4", 13: ">f4", 14: ">f8"}
FILES = {"train-images": (3, (50, 40, 30)), "train-labels": (1, (50,)), "t10k-images": (3, (7, 40, 30)), "t10k-labels": (1, (7,))}
cases, folders = [], []


def idx(*dims, kind=8, data=None):
    """A file as its format is described: 0, 0, the type, the number of
    dimensions, the dimensions, the elements, all big-endian."""
    if data is None:
        data = (numpy.arange(math.prod(dims)) * 37 % 127).astype(KINDS.get(kind, ">u1")).tobytes()
    return bytes([0, 0, kind, len(dims)]) + struct.pack(f">{len(dims)}I", *dims) + data


def member(data, flags=0, extra=b"", name=b"", comment=b"", crc=b""):
    """A member of a gzip file, with the fields of its header that flags name."""
    fields = b""
    if flags & 4:
        fields += struct.pack("<H", len(extra)) + extra
    if flags & 8:
        fields += name + b"\0"
    if flags & 16:
        fields += comment + b"\0"
    head = struct.pack("<4BIBB", 0x1F, 0x8B, 8, flags, 1234567890, 2, 3) + fields
    if flags & 2:
        head += crc or struct.pack("<H", zlib.crc32(head) & 0xFFFF)
    squeeze = zlib.compressobj(9, zlib.DEFLATED, -15)
    return head + squeeze.compress(data) + squeeze.flush() + struct.pack("<II", zlib.crc32(data), len(data) & 0xFFFFFFFF)


def sha256(x):
    return hashlib.sha256(x.numpy().tobytes()).hexdigest()


def add(name, data):
    """A case, and what torchvision reads in it. A file that ends in .gz is
    unpacked first, as it is after a download."""
    path = os.path.join(out, name)
    with open(path, "wb") as f:
        f.write(data)
    c = {"name": name, "refused": "", "dims": [], "hash": ""}
    cases.append(c)
    try:
        if name.endswith(".gz"):
            path = extract_archive(path, os.path.join(out, "unpacked"))
        x = mnist.read_sn3_pascalvincent_tensor(path)
    except Exception as e:
        c["refused"] = f"{type(e).__name__}: {e}"
        return
    c["dims"], c["hash"] = list(x.shape), sha256(x)


def plain():
    for dims in (1,), (300,), (2, 3), (3, 4, 5), (50, 28, 28), (2, 3, 4, 5), (1, 1, 1), (1, 256), (65536,), (3, 1, 70000):
        add("array " + "x".join(map(str, dims)), idx(*dims))
    for dims in (0,), (0, 7), (5, 0), (0, 28, 28), (3, 0, 5), (2, 3, 0), (1, 0, 1, 2):
        add("empty " + "x".join(map(str, dims)), idx(*dims))
        add("empty and a byte " + "x".join(map(str, dims)), idx(*dims, data=b"\1"))
    for kind in range(256):
        add(f"type {kind:#04x}", idx(2, 3, kind=kind))
    for n in list(range(10)) + [16, 127, 128, 255]:
        add(f"dimensions {n}", bytes([0, 0, 8, n]) + struct.pack(">I", 1) * n + b"\1")
    good = idx(3, 4, 5)
    for n in range(len(good)):
        add(f"cut at {n}", good[:n])
    for n in 1, 2, 3, 4, 59, 60, 61, 1000:
        add(f"over by {n}", good + b"\0" * n)
    add("twice", good + good)
    for i, b in (0, 1), (0, 8), (1, 1), (1, 255), (0, 0x1F), (0, 0x80):
        add(f"magic {i} {b}", good[:i] + bytes([b]) + good[i + 1:])
    add("little-endian magic", good[3::-1] + good[4:])
    add("little-endian sizes", good[:4] + struct.pack("<3I", 3, 4, 5) + good[16:])
    for name, data in ("a page", b"<!DOCTYPE html><html>"), ("a pickle", pickle.dumps([0] * 60)), ("text", b"label,1x1,1x2\n5,0,0\n"), ("byte order mark", b"\xef\xbb\xbf" + good), ("no magic", good[4:]):
        add(name, data)
    promised()


def promised():
    """Sizes that the file does not have, and that no number holds."""
    top = 2**32 - 1
    for dims in (top,), (2**31,), (2**31 - 1,), (2**30,), (2**30 + 1,), (top, top), (top, top, top), (2**16, 2**16), (2**22, 2**21, 2**21), (2**31, 2**31, 4), (2**31, 2**31, 2), (0, top), (top, 0), (0, top, top), (top, 0, top), (1, 1, top), (60000, 28, 28):
        add("promised " + "x".join(map(str, dims)), idx(*dims, data=b"\1" * 60))
        add("only promised " + "x".join(map(str, dims)), idx(*dims, data=b""))
    # Products that are 60 in 64 bits.
    for dims in (2977518503, 128388, 289529), (2308638, 2473850, 48448661):
        add("wraps " + "x".join(map(str, dims)), idx(*dims, data=b"\1" * 60))


def packed():
    good, small = idx(3, 4, 5), idx(6)
    one, none = member(good), member(b"")
    add("default.gz", gzip.compress(good))
    add("stored.gz", gzip.compress(good, 0))
    add("large.gz", gzip.compress(idx(50, 200, 100)))
    fields = dict(extra=b"AB\4\0data", name=b"train-images-idx3-ubyte", comment=b"a comment")
    for flags in range(0, 32):
        add(f"flags {flags}.gz", member(good, flags, **fields))
    for flags in 32, 64, 128, 255:
        add(f"reserved flags {flags}.gz", member(good, flags, **fields))
    add("empty fields.gz", member(good, 28))
    add("high bytes in the name.gz", member(good, 8, name=bytes(range(1, 256))))
    for n in 511, 512, 513, 100000:
        add(f"name of {n}.gz", member(good, 8, name=b"n" * n))
        add(f"comment of {n}.gz", member(good, 16, comment=b"c" * n))
    for n in 1, 512, 65535:
        add(f"extra of {n}.gz", member(good, 4, extra=b"e" * n))
    add("wrong checksum of the header.gz", member(good, 10, name=b"n", crc=b"\1\2"))
    for n in 1, 3, 4, 15, 16, 17, 40:
        add(f"two members, the first of {n}.gz", member(good[:n]) + member(good[n:]))
    add("a member for each byte.gz", b"".join(member(good[i:i + 1]) for i in range(len(good))))
    for name, data in ("before", none + one), ("behind", one + none), ("around", none * 3 + one + none * 3), ("between", member(good[:20]) + none + member(good[20:])):
        add(f"empty members {name}.gz", data)
    add("nothing.gz", b"")
    add("an empty member.gz", none)
    add("two files.gz", one + member(small))
    for n in 1, 2, 7, 8, 9, 10, 17, 512, 100000:
        add(f"{n} zeros behind.gz", one + b"\0" * n)
    add("zeros between members.gz", member(good[:20]) + b"\0" * 100 + member(good[20:]))
    add("zeros before.gz", b"\0" * 8 + one)
    add("zeros and garbage behind.gz", one + b"\0" * 20 + b"x")
    for garbage in b"x", b"\x1f", b"\x1f\x8b", b"garbage behind it", b"\x1f\x8b\x08\0", b"\r\n":
        add(f"garbage {garbage.hex()}.gz", one + garbage)
    for n in range(len(one)):
        add(f"cut at {n}.gz", one[:n])
        add(f"second cut at {n}.gz", one + none[:n] if n < len(none) and n else none + one[:n])
    add("contents cut.gz", member(good[:-1]))
    add("contents over.gz", member(good + b"\0"))
    add("contents in the member behind are over.gz", one + member(b"\0"))
    add("packed twice.gz", member(one))
    for i in range(1, 9):
        add(f"flipped -{i}.gz", one[:-i] + bytes([one[-i] ^ 1]) + one[len(one) - i + 1:])
    for i in range(0, 10):
        add(f"flipped {i}.gz", one[:i] + bytes([one[i] ^ 1]) + one[i + 1:])
    add("not packed.gz", good)
    add("zlib.gz", zlib.compress(good))
    add("packed without the ending", one)


class Tiny(MNIST):
    """torchvision's MNIST under the name of the data set of the tests."""


def folder(name, **replaced):
    """A folder with the files of the data set, but for those that are replaced.
    It returns the folder of the files."""
    root = os.path.join(roots, name)
    raw = os.path.join(root, "Tiny", "raw")
    os.makedirs(raw)
    for file, (n, dims) in FILES.items():
        data = replaced.get(file.replace("-", "_"), idx(*dims))
        if data is not None:
            with open(os.path.join(raw, f"{file}-idx{n}-ubyte"), "wb") as f:
                f.write(data)
    folders.append(name)
    return raw


def each(raw, do):
    for file in os.listdir(raw):
        do(os.path.join(raw, file))


def pack(path, suffix=".gz", keep=False):
    with open(path, "rb") as f, gzip.open(path + suffix, "wb") as g:
        g.write(f.read())
    if not keep:
        os.remove(path)


def legacy(raw):
    """What torchvision before 0.9 wrote."""
    processed = os.path.join(os.path.dirname(raw), "processed")
    os.makedirs(processed)
    for train, file in (True, "training.pt"), (False, "test.pt"):
        x = Tiny(os.path.dirname(os.path.dirname(raw)), train=train)
        torch.save((x.data, x.targets), os.path.join(processed, file))


def layouts():
    folder("plain")
    each(folder("read-only"), lambda p: os.chmod(p, 0o444))
    each(folder("packed"), pack)
    each(folder("packed beside"), lambda p: pack(p, keep=True))
    each(folder("damaged packed beside"), lambda p: shutil.copy(__file__, p + ".gz"))
    raw = folder("links")
    each(raw, lambda p: (os.rename(p, p + ".data"), os.symlink(os.path.basename(p) + ".data", p)))
    raw = folder("linked folder")
    os.rename(raw, raw + "-data")
    os.symlink("raw-data", raw)
    os.symlink("plain", os.path.join(roots, "linked root"))
    folders.append("linked root")
    folders.append("plain/")
    folders.append("./plain/../plain")
    with open(os.path.join(folder("others beside"), ".DS_Store"), "wb") as f:
        f.write(b"\0")
    raw = folder("in the folder of the data set")
    each(raw, lambda p: os.rename(p, os.path.join(raw, "..", os.path.basename(p))))
    raw = folder("in the folder itself")
    each(raw, lambda p: os.rename(p, os.path.join(raw, "..", "..", os.path.basename(p))))
    each(folder("under the names of Kaggle"), lambda p: os.rename(p, p.replace("s-idx", "s.idx")))
    legacy(folder("processed beside"))
    raw = folder("processed")
    legacy(raw)
    shutil.rmtree(raw)
    os.makedirs(os.path.join(roots, "nothing"))
    folders.append("nothing")
    folders.append("no such folder")
    for file, (n, dims) in FILES.items():
        key, good = file.replace("-", "_"), idx(*dims)
        folder(file + " missing", **{key: None})
        folder(file + " empty", **{key: b""})
        folder(file + " cut", **{key: good[:-1]})
        folder(file + " over", **{key: good + b"\0"})
        folder(file + " of other contents", **{key: good[:-1] + bytes([good[-1] ^ 1])})
        folder(file + " of other size", **{key: idx(dims[0] - 1, *dims[1:])})
        folder(file + " of other dimensions", **{key: idx(*dims, 1)})
        folder(file + " of other type", **{key: idx(*dims, kind=9)})
        folder(file + " packed under its plain name", **{key: gzip.compress(good)})


def load(name):
    """What MNIST(root) says of a folder."""
    try:
        root = os.path.join(roots, name)
        sets = [Tiny(root, train=train) for train in (True, False)]
        return {"name": name, "refused": "", "hashes": [sha256(x) for s in sets for x in (s.data, s.targets.to(torch.uint8))]}
    except Exception as e:
        return {"name": name, "refused": f"{type(e).__name__}: {e}", "hashes": []}


plain()
packed()
layouts()
with open(os.path.join(out, "corpus.json"), "w") as f:
    json.dump({"files": cases, "folders": [load(name) for name in folders]}, f)
