package tensorboard

import (
	"io"
	"math"
	"os/exec"
	"testing"

	"github.com/joule-ml/joule/internal/python"
)

// script has TensorBoard read the events as a running one does: once now and
// again after the resume.
const script = `
import math, sys
import numpy as np
from tensorboard.backend.event_processing import event_accumulator, event_file_loader, plugin_event_accumulator
from tensorboard.plugins.hparams import api_pb2, metadata
from tensorboard.util import tensor_util

dir = sys.argv[1]
live = plugin_event_accumulator.EventAccumulator(dir, tensor_size_guidance={p: 0 for p in ("scalars", "images", "histograms")})

def series(acc, tag):
    return [(e.step, tensor_util.make_ndarray(e.tensor_proto)) for e in acc.Tensors(tag)]

def check(acc, last, end):
    loss = [(s, v.item()) for s, v in series(acc, "loss")]
    assert loss == [(s, np.float32(1 / s)) for s in range(1, last + 1)], loss
    images = [(s, v.tolist()) for s, v in series(acc, "generation_0")]
    assert [s for s, _ in images] == list(range(4, last + 1, 4)), images
    for step, (width, height, png) in images:
        assert (width, height) == (b"3", b"2") and png[:4] == b"\x89PNG" and bytes([step] * 3) in png, (step, png)
    histograms = series(acc, "weights")
    assert [s for s, _ in histograms] == list(range(4, last + 1, 4)), histograms
    for step, h in histograms:
        want = np.histogram([-1, step, 0.5], bins=30)
        assert h.dtype == np.float64 and h.shape == (30, 3)
        assert np.allclose(h[:, 0], want[1][:-1]) and np.allclose(h[:, 1], want[1][1:]) and (h[:, 2] == want[0]).all(), h
    nonfinite = [(s, v.item()) for s, v in series(acc, "weights/nonfinite")]
    assert nonfinite == [(s, 1) for s in range(4, last + 1, 4)], nonfinite
    ((step, value),) = series(acc, "val")
    assert step == last and math.isnan(value), (step, value)
    ((step, text),) = series(acc, "config")
    assert step == 0 and text.item() == "*seed* 42\n\ufffd".encode(), text
    tags = {t: acc.SummaryMetadata(t).plugin_data for t in acc.Tags()["tensors"]}
    plugins = {t: d.plugin_name for t, d in tags.items() if not t.startswith("_hparams_")}
    assert plugins == {"loss": "scalars", "val": "scalars", "weights/nonfinite": "scalars", "generation_0": "images", "weights": "histograms", "config": "text"}, plugins
    e = metadata.parse_experiment_plugin_data(tags[metadata.EXPERIMENT_TAG].content)
    types = {h.name: api_pb2.DataType.Name(h.type) for h in e.hparam_infos}
    assert types == {
        "epochs": "DATA_TYPE_FLOAT64", "lr": "DATA_TYPE_FLOAT64", "model": "DATA_TYPE_STRING",
        "pad": "DATA_TYPE_BOOL", "clip": "DATA_TYPE_STRING", "seed": "DATA_TYPE_STRING",
    }, types
    assert [m.name.tag for m in e.metric_infos] == ["loss", "val"]
    s = metadata.parse_session_start_info_plugin_data(tags[metadata.SESSION_START_INFO_TAG].content)
    values = {k: getattr(v, v.WhichOneof("kind")) for k, v in s.hparams.items()}
    assert values == {"epochs": 3, "lr": 1e-4, "model": "cnn", "pad": True, "clip": "+Inf", "seed": str(2**60)}, values
    assert abs(s.start_time_secs - e.time_created_secs) < 1 and s.start_time_secs > 1.7e9
    i = metadata.parse_session_end_info_plugin_data(tags[metadata.SESSION_END_INFO_TAG].content)
    assert i.status == end and i.end_time_secs >= s.start_time_secs, i

live.Reload()
check(live, 10, api_pb2.STATUS_FAILURE)
print("read", flush=True)
assert sys.stdin.readline() == "resumed\n"

# A running TensorBoard knows the end of the first session, not that of the second.
live.Reload()
check(live, 14, api_pb2.STATUS_FAILURE)
fresh = event_accumulator.EventAccumulator(dir, size_guidance={"tensors": 0})
fresh.Reload()
check(fresh, 14, api_pb2.STATUS_SUCCESS)
assert fresh.file_version == 2, fresh.file_version
assert fresh.GetSourceWriter() == "github.com/joule-ml/joule/tensorboard", fresh.GetSourceWriter()

# Nothing is hidden by TensorBoard's own rules for restarts.
import glob
paths = sorted(glob.glob(dir + "/events.out.tfevents.*"))
assert len(paths) == 2, paths
steps = [e.step for p in paths for e in event_file_loader.EventFileLoader(p).Load() if any(v.tag == "loss" for v in e.summary.value)]
assert steps == list(range(1, 15)), steps
print("ok", flush=True)
`

// TestPython has TensorBoard itself read what is written here, before and
// after a resume.
func TestPython(t *testing.T) {
	path := python.Need(t, "import tensorboard.backend.event_processing.plugin_event_accumulator")
	dir := t.TempDir()
	params := []Param{{"epochs", 3}, {"lr", 1e-4}, {"model", "cnn"}, {"pad", true}, {"clip", math.Inf(1)}, {"seed", 1 << 60}}
	w := newWriter(t, dir)
	check(t, w.HParams(params, []string{"loss", "val"}))
	check(t, w.Text("config", 0, "*seed* 42\n\xff"))
	log := func(from, to int) {
		for step := from; step <= to; step++ {
			check(t, w.Scalar("loss", step, 1/float64(step)))
			if step%4 == 0 {
				check(t, w.Image("generation_0", step, gray(3, 2, byte(step))))
				check(t, w.Histogram("weights", step, []float32{-1, float32(step), 0.5, float32(math.NaN())}))
			}
		}
	}
	log(1, 10)
	check(t, w.Scalar("val", 10, math.NaN()))
	check(t, w.End(false))
	check(t, w.Flush())

	board := startReader(t, path, dir)
	board.says("read\n")
	// The process is killed here, within an event.
	check(t, w.Scalar("loss", 11, 1))
	check(t, w.buf.Flush())
	size, err := w.file.(interface {
		Seek(int64, int) (int64, error)
	}).Seek(0, 2)
	check(t, err)
	check(t, truncate(w.path, size-3))

	w = resumed(t, dir, 8)
	check(t, w.HParams(params, []string{"loss", "val"}))
	log(9, 14)
	check(t, w.Scalar("val", 14, math.NaN()))
	check(t, w.End(true))
	check(t, w.Close())
	_, err = board.stdin.Write([]byte("resumed\n"))
	check(t, err)
	board.says("ok\n")
	check(t, board.cmd.Wait())
}

// A reader is a process that runs the script.
type reader struct {
	t      *testing.T
	cmd    *exec.Cmd
	stdin  io.Writer
	stdout io.Reader
	stderr limited
}

func startReader(t *testing.T, path, dir string) *reader {
	t.Helper()
	r := &reader{t: t, cmd: exec.Command(path, "-c", script, dir)}
	var err error
	r.stdin, err = r.cmd.StdinPipe()
	check(t, err)
	r.stdout, err = r.cmd.StdoutPipe()
	check(t, err)
	r.cmd.Stderr = &r.stderr
	check(t, r.cmd.Start())
	return r
}

// says waits until the script has printed want.
func (r *reader) says(want string) {
	r.t.Helper()
	line := make([]byte, len(want))
	if _, err := io.ReadFull(r.stdout, line); err != nil {
		r.cmd.Wait()
		r.t.Fatalf("no %q: %v\n%s", want, err, r.stderr.b)
	}
	if string(line) != want {
		r.t.Fatalf("%q, want %q", line, want)
	}
}

// A limited keeps the first of what is written to it.
type limited struct{ b []byte }

func (l *limited) Write(p []byte) (int, error) {
	l.b = append(l.b, p[:min(len(p), 10_000-len(l.b))]...)
	return len(p), nil
}
