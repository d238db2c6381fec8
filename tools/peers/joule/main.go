// Command joule is Joule's worker in the comparison that tools/peers/run.py makes.
//
//	joule -new FILE [-size S -channels C -width W]    save a model with fresh weights
//	joule -model FILE -threads N                      serve requests
//
// It reads one request a line from standard input and answers each with one
// line, both JSON. Images and energies pass through files of little-endian
// float32. What it times is a call of Joule's public API.
package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/binary"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"os"
	"runtime"
	"time"

	"github.com/joule-ml/joule"
	"github.com/joule-ml/joule/dataset"
	"github.com/joule-ml/joule/internal/kernel"
	"github.com/joule-ml/joule/internal/program"
	"github.com/joule-ml/joule/lane"
	"github.com/joule-ml/joule/sampler"
)

func main() {
	fresh := flag.String("new", "", "save a model with fresh weights to this `file`, and exit")
	size := flag.Int("size", 28, "with -new: height and width of the images")
	channels := flag.Int("channels", 1, "with -new: channels of the images")
	width := flag.Int("width", 32, "with -new: hidden features of the network")
	path := flag.String("model", "", "model `file`")
	threads := flag.Int("threads", 1, "cores to use")
	flag.Parse()
	var err error
	switch {
	case *fresh != "":
		err = create(*fresh, lane.Shape{C: *channels, H: *size, W: *size}, *width)
	case *path != "":
		err = serve(*path, *threads)
	default:
		err = fmt.Errorf("give -new FILE or -model FILE")
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "peers/joule:", err)
		os.Exit(1)
	}
}

// create saves a model that has learned nothing. It needs no data set: one
// black image tells the trainer the shape.
func create(path string, shape lane.Shape, width int) error {
	black := &dataset.Set{Name: "black", N: 1, C: shape.C, H: shape.H, W: shape.W, Pixels: make([]byte, shape.Len()), Labels: make([]byte, 1)}
	c := joule.DefaultConfig()
	c.Network.HiddenFeatures, c.Buffer.Size = width, c.BatchSize
	trainer, err := joule.NewTrainer(c, black, black)
	if err != nil {
		return err
	}
	return trainer.Model().Save(path)
}

// request is one line of input.
type request struct {
	Do       string  // "start", "energies", "chain", "loop", "rehearse" or "train"
	Images   string  // file to read
	Out      string  // file to write
	Steps    int     // of a chain, of each loop, of the chains of each training step
	Noise    float32 // of a chain
	StepSize float32 `json:"step_size"` // of a chain
	Count    int     // of timed loops or training steps
	Buffer   int     // images in the replay buffer of a training
	Start    string  // file to write: where the chains of a training step began
}

// reply is one line of output.
type reply struct {
	Version string  `json:"version,omitempty"`
	Seconds float64 `json:"seconds,omitempty"`
	Error   string  `json:"error,omitempty"`
}

type worker struct {
	model    *joule.Model
	threads  int
	training *training // from the first "rehearse" on
}

func serve(path string, threads int) error {
	runtime.GOMAXPROCS(threads)
	model, err := joule.LoadModel(path)
	if err != nil {
		return err
	}
	w := &worker{model: model, threads: threads}
	out := json.NewEncoder(os.Stdout)
	version := fmt.Sprintf("Joule %s (%s, kernels %s)", program.Version(), runtime.Version(), kernel.Name())
	if err := out.Encode(reply{Version: version}); err != nil {
		return err
	}
	lines := bufio.NewScanner(os.Stdin)
	for lines.Scan() {
		var q request
		var r reply
		err := json.Unmarshal(lines.Bytes(), &q)
		if err == nil {
			r, err = w.answer(q)
		}
		if err != nil {
			r = reply{Error: err.Error()}
		}
		if err := out.Encode(r); err != nil {
			return err
		}
	}
	return lines.Err()
}

func (w *worker) answer(q request) (reply, error) {
	switch q.Do {
	case "start":
		// A chain of no steps ends where it starts.
		return reply{}, w.chain(q.Out, sampler.Config{Min: -1, Max: 1})
	case "energies":
		return reply{}, w.energies(q.Out, q.Images)
	case "chain":
		c := sampler.DefaultConfig()
		c.Steps, c.Noise, c.StepSize = q.Steps, q.Noise, q.StepSize
		return reply{}, w.chain(q.Out, c)
	case "loop":
		return timed(q, w.loop)
	case "rehearse":
		return reply{}, w.rehearse(q)
	case "train":
		if w.training == nil {
			return reply{}, fmt.Errorf("train before any rehearse")
		}
		return timed(q, w.training.run)
	}
	return reply{}, fmt.Errorf("unknown request %q", q.Do)
}

// timed does the work q.Count times, with chains of q.Steps steps.
func timed(q request, work func(steps int) error) (reply, error) {
	if q.Count < 1 {
		return reply{}, fmt.Errorf("%d times, want 1 or more", q.Count)
	}
	start := time.Now()
	for range q.Count {
		if err := work(q.Steps); err != nil {
			return reply{}, err
		}
	}
	return reply{Seconds: time.Since(start).Seconds()}, nil
}

// sample runs 64 chains from the images that "start" gives.
func (w *worker) sample(c sampler.Config) (*joule.Samples, error) {
	return w.model.Sample(context.Background(), joule.SampleConfig{N: 64, Seed: 1, Sampler: c, Threads: w.threads})
}

func (w *worker) chain(out string, c sampler.Config) error {
	s, err := w.sample(c)
	if err != nil {
		return err
	}
	return write(out, s.Images)
}

func (w *worker) energies(out, images string) error {
	x, err := read(images)
	if err != nil {
		return err
	}
	c, h, width := w.model.Shape()
	if len(x)%(c*h*width) != 0 {
		return fmt.Errorf("%s: %d values are not whole images", images, len(x))
	}
	energy := make([]float32, len(x)/(c*h*width))
	w.model.Energies(energy, x)
	return write(out, energy)
}

// loop runs the default recipe's chains, of so many steps. It takes what a call of
// Sample does besides: memory, starting images and final energies.
func (w *worker) loop(steps int) error {
	c := sampler.DefaultConfig()
	c.Steps = steps
	_, err := w.sample(c)
	return err
}

// maxFile bounds what read takes into memory.
const maxFile = 64 << 20

func read(path string) ([]float32, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	b, err := io.ReadAll(io.LimitReader(f, maxFile+1))
	if err != nil {
		return nil, err
	}
	if len(b) > maxFile || len(b)%4 != 0 {
		return nil, fmt.Errorf("%s: %d bytes, want whole float32 and at most %d", path, len(b), maxFile)
	}
	x := make([]float32, len(b)/4)
	return x, binary.Read(bytes.NewReader(b), binary.LittleEndian, x)
}

func write(path string, x []float32) error {
	var b bytes.Buffer
	if err := binary.Write(&b, binary.LittleEndian, x); err != nil {
		return err
	}
	return os.WriteFile(path, b.Bytes(), 0o644)
}
