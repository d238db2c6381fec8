"""Writes settings in the styles of PyYAML, and reads values as PyYAML does.

Standard input has JSON: "values", a list of texts that stand as a value in a
file, and "files", a list of files. Standard output has what PyYAML makes of
them, and files that it wrote, each with what it reads back.
"""
import base64, itertools, json, math, sys
import yaml

SETTINGS = [
    {"data": "mnist", "seed": 2**64 - 1, "epochs": 60, "batch_size": 128,
     "network": {"layers": ["conv2d 16 kernel=5 stride=2", "silu", "linear 1"]},
     "sampler": {"noise": 1e-7, "grad_clip": math.inf, "steps": 0},
     "buffer": {"restart_probability": 0.05}, "optimizer": {"learning_rate": 1e-8, "beta1": 0.0}},
    {"data": "./a b/it's: #1, \u00e9 \u65e5\u672c \U0001f600", "seed": 0, "network": {"layers": []},
     "sampler": {"noise": 123.456789, "steps": 1000000}, "optimizer": {"learning_rate": 1000.0}},
    {"data": "C:\\x", "sampler": {"noise": 1, "grad_clip": 2.5e+20}, "network": {"layers": ["silu"]}},
    {"data": "/" + "long path " * 30 + "x", "epochs": 3},
    {},
]
STYLES = [
    {"default_flow_style": flow, "default_style": style, "canonical": canonical}
    for flow, style, canonical in itertools.product([None, True, False], [None, '"', "'", "|", ">"], [None, True])
] + [
    {"line_break": "\r\n"}, {"line_break": "\r"}, {"encoding": "utf-8"}, {"encoding": "utf-16-le"}, {"encoding": "utf-16-be"},
    {"allow_unicode": True}, {"allow_unicode": True, "encoding": "utf-16-le", "line_break": "\r\n"},
    {"indent": 8}, {"width": 20}, {"width": 20, "default_style": '"'}, {"explicit_start": True, "explicit_end": True},
    {"version": (1, 1)}, {"sort_keys": False}, {"tags": {"!x!": "tag:example.com,2000:"}},
]


def leaves(value, key=""):
    """All values by their keys, as texts."""
    if isinstance(value, dict):
        all = {}
        for k, v in value.items():
            all.update(leaves(v, key + "." + k if key else k))
        return all
    if isinstance(value, list):
        return {key: ", ".join(value)}
    return {key: value if isinstance(value, str) else repr(value)}


def read(data):
    return leaves(yaml.safe_load(data) or {})


def scalar(text):
    try:
        value = yaml.safe_load("k: " + text + "\n")["k"]
    except yaml.YAMLError:
        return {"type": "error", "value": ""}
    return {"type": type(value).__name__, "value": value if isinstance(value, str) else repr(value)}


asked = json.load(sys.stdin)
written = []
for settings in SETTINGS:
    for style in STYLES:
        data = yaml.safe_dump(settings, **style)
        data = data if isinstance(data, bytes) else data.encode()
        forms = [data]
        if settings is SETTINGS[0] and b"\0" not in data:  # with a byte order mark, and without a last line end
            forms += [b"\xef\xbb\xbf" + data, data.rstrip()]
        for form in forms:
            written.append({"style": repr(style), "data": base64.b64encode(form).decode(), "values": read(form)})
for text in asked["files"]:
    written.append({"style": "by hand", "data": base64.b64encode(text.encode()).decode(), "values": read(text)})
json.dump({"written": written, "values": [scalar(text) for text in asked["values"]]}, sys.stdout)
