"""Makes the event files that the tests compare with; see README.md."""

import pathlib
import struct
import zlib
from unittest import mock

import numpy as np
from tensorboard import summary as tensorboard_summary
from tensorboard.compat.proto import event_pb2, summary_pb2
from tensorboard.plugins.histogram import summary_v2 as histogram
from tensorboard.plugins.hparams import api_pb2, plugin_data_pb2
from tensorboard.plugins.hparams import metadata as hparams_metadata
from tensorboard.plugins.hparams import summary_v2 as hparams
from tensorboard.plugins.image import metadata as image_metadata
from tensorboard.plugins.scalar import summary_v2 as scalar
from tensorboard.plugins.text import summary_v2 as text
from tensorboard.summary.writer import record_writer
from tensorboard.util import tensor_util

HERE = pathlib.Path(__file__).parent


def chunk(kind, data):
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def png(width, height, level):
    """A gray picture of one level, its rows stored without compression."""
    rows = (b"\0" + bytes([level]) * width) * height
    stored = b"\x78\x01\x01" + struct.pack("<HH", len(rows), len(rows) ^ 0xFFFF) + rows
    stored += struct.pack(">I", zlib.adler32(rows))
    return (
        b"\x89PNG\r\n\x1a\n"
        + chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0))
        + chunk(b"IDAT", stored)
        + chunk(b"IEND", b"")
    )


def image_pb(tag, picture, width, height):
    # There is no image_pb that works without TensorFlow; this is what
    # plugins/image/summary_v2.py and data_compat.py put together.
    tensor = tensor_util.make_tensor_proto([str(width).encode(), str(height).encode(), picture])
    metadata = image_metadata.create_summary_metadata(display_name=None, description=None)
    return summary_pb2.Summary(value=[summary_pb2.Summary.Value(tag=tag, metadata=metadata, tensor=tensor)])


def hparams_pb(tag, **data):
    # As hparams_pb and hparams_config_pb do, which leave out types and a session's end.
    message = plugin_data_pb2.HParamsPluginData(**data)
    summary = hparams._summary_pb(tag, message)
    summary.value[0].metadata.plugin_data.content = message.SerializeToString(deterministic=True)
    return summary


class File:
    """An event file: an event a second, from 1700000000.25 on."""

    def __init__(self, name):
        self.time = 1700000000.25
        self.stream = open(HERE / name, "wb")
        self.writer = record_writer.RecordWriter(self.stream)

    def event(self, **what):
        event = event_pb2.Event(wall_time=self.time, **what)
        self.writer.write(event.SerializeToString(deterministic=True))  # maps sorted by key
        self.time += 1

    def summary(self, step, summary, data_class):
        for value in summary.value:
            value.metadata.data_class = data_class
        self.event(step=step, summary=summary)


def ours():
    """What TestKnownAnswer has a Writer write."""
    f = File("ours.tfevents")
    f.event(
        file_version="brain.Event:2",
        source_metadata=event_pb2.SourceMetadata(writer="github.com/joule-ml/joule/tensorboard"),
    )
    f.event(step=7, session_log=event_pb2.SessionLog(status=event_pb2.SessionLog.START))
    for step, value in enumerate([0.0, -0.0, 0.1, -1.5e-42, 3.4e38, np.inf, -np.inf]):
        f.summary(step, scalar.scalar_pb("train/loss", value), summary_pb2.DATA_CLASS_SCALAR)
    f.summary(2**62, scalar.scalar_pb("größe", 1), summary_pb2.DATA_CLASS_SCALAR)
    f.summary(3, image_pb("generation_0", png(3, 2, 200), 3, 2), summary_pb2.DATA_CLASS_BLOB_SEQUENCE)
    f.summary(4, image_pb("large", png(120, 150, 9), 120, 150), summary_pb2.DATA_CLASS_BLOB_SEQUENCE)
    for step, values in enumerate(
        [
            np.arange(61) / 4 - 3,
            [2.5] * 7,
            [0.1, 0.7, 0.3, -0.9, 0.25, 0.3],
            [-3.4e38, 3.4e38, 0, 1],
            [1e-45, 0],
        ]
    ):
        pb = histogram.histogram_pb("weights", np.array(values, np.float32))
        f.summary(step, pb, summary_pb2.DATA_CLASS_TENSOR)
    f.summary(0, text.text_pb("config", "*seed* 42\n"), summary_pb2.DATA_CLASS_TENSOR)
    f.summary(0, text.text_pb("config", ""), summary_pb2.DATA_CLASS_TENSOR)
    experiment = api_pb2.Experiment(
        hparam_infos=[
            api_pb2.HParamInfo(name="batch", type=api_pb2.DATA_TYPE_FLOAT64),
            api_pb2.HParamInfo(name="lr", type=api_pb2.DATA_TYPE_FLOAT64),
            api_pb2.HParamInfo(name="objective", type=api_pb2.DATA_TYPE_STRING),
            api_pb2.HParamInfo(name="padded", type=api_pb2.DATA_TYPE_BOOL),
            api_pb2.HParamInfo(name="sampler.clip", type=api_pb2.DATA_TYPE_STRING),
            api_pb2.HParamInfo(name="seed", type=api_pb2.DATA_TYPE_STRING),
            api_pb2.HParamInfo(name="shuffled", type=api_pb2.DATA_TYPE_BOOL),
            api_pb2.HParamInfo(name="warmup", type=api_pb2.DATA_TYPE_FLOAT64),
        ],
        metric_infos=[
            api_pb2.MetricInfo(name=api_pb2.MetricName(tag="train/loss")),
            api_pb2.MetricInfo(name=api_pb2.MetricName(tag="val")),
        ],
        time_created_secs=f.time,
    )
    start = plugin_data_pb2.SessionStartInfo(start_time_secs=f.time)
    start.hparams["batch"].number_value = 64
    start.hparams["lr"].number_value = 1e-4
    start.hparams["objective"].string_value = ""
    start.hparams["padded"].bool_value = False
    start.hparams["sampler.clip"].string_value = "+Inf"
    start.hparams["seed"].string_value = "18446744073709551615"
    start.hparams["shuffled"].bool_value = True
    start.hparams["warmup"].number_value = 0
    tensor = summary_pb2.DATA_CLASS_TENSOR
    f.summary(0, hparams_pb(hparams_metadata.EXPERIMENT_TAG, experiment=experiment), tensor)
    f.time -= 1
    f.summary(0, hparams_pb(hparams_metadata.SESSION_START_INFO_TAG, session_start_info=start), tensor)
    for status in api_pb2.STATUS_SUCCESS, api_pb2.STATUS_FAILURE:
        end = plugin_data_pb2.SessionEndInfo(status=status, end_time_secs=f.time)
        f.summary(0, hparams_pb(hparams_metadata.SESSION_END_INFO_TAG, session_end_info=end), tensor)


def theirs():
    """What tensorboard's own Writer writes, untouched."""
    for old in HERE.glob("events.out.tfevents.*"):
        old.unlink()
    with mock.patch("time.time", return_value=1700000000.0):
        w = tensorboard_summary.Writer(str(HERE))
        for step in range(3):
            w.add_scalar("loss", 1 / (step + 1), step, wall_time=1700000000.5 + step, description="the loss")
        w.close()
    (file,) = HERE.glob("events.out.tfevents.*")
    file.rename(HERE / "theirs.tfevents")


def old():
    """Forms that only others write: TensorFlow 1's scalars, several values in an event, numbers unpacked."""
    f = File("old.tfevents")
    f.event(file_version="brain.Event:2")
    f.event(
        step=-1,
        summary=summary_pb2.Summary(
            value=[
                summary_pb2.Summary.Value(tag="a", simple_value=0.5),
                summary_pb2.Summary.Value(tag="b", simple_value=-2),
            ]
        ),
    )
    f.event(step=1, log_message=event_pb2.LogMessage(message="hello"))

    def field(number, data):
        return bytes([number << 3 | 2, len(data)]) + data

    tensor = b"\x08\x01" + field(2, b"") + b"\x2d" + struct.pack("<f", 1.25)  # DT_FLOAT, a scalar, float_val
    value = field(1, b"c") + field(8, tensor) + field(9, field(1, field(1, b"scalars")))
    event = b"\x09" + struct.pack("<d", f.time) + b"\x10\x02" + field(5, field(1, value))
    assert event_pb2.Event.FromString(event).summary.value[0].tensor.float_val == [1.25]
    f.writer.write(event)


ours()
theirs()
old()
