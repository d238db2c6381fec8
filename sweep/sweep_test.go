package sweep_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/joule-ml/joule"
	"github.com/joule-ml/joule/sweep"
)

// A stub stands for the work: it notes what is trained, and gives what a function of
// the settings says.
type stub struct {
	mu   sync.Mutex
	done []string
	of   func(steps int) (loss float64, err error)
}

func (s *stub) work(_ context.Context, r *sweep.Result, _ func() error) error {
	loss, err := s.of(r.Config.Sampler.Steps)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.done = append(s.done, r.Value("sampler.steps"))
	r.Figures = map[string]float64{"loss": loss}
	return err
}

// open opens a sweep of sampler.steps.
func open(t *testing.T, dir, grid string) (*sweep.Sweep, []sweep.Trial) {
	t.Helper()
	base := joule.DefaultConfig()
	trials, err := sweep.Combine(base, nil, axes(t, "sampler.steps="+grid))
	if err != nil {
		t.Fatal(err)
	}
	figure, err := sweep.FindFigure("loss")
	if err != nil {
		t.Fatal(err)
	}
	s, err := sweep.Open(dir, base, figure, trials)
	if err != nil {
		t.Fatal(err)
	}
	release, err := sweep.Lock(s.Dir)
	if err != nil {
		t.Fatal(err)
	}
	release()
	return s, trials
}

var errBad = errors.New("diverged, or so")

var options = sweep.Options{Code: func(err error) int {
	if errors.Is(err, errBad) {
		return 3
	}
	return 1
}}

// TestRun: each combination is tried once, a failure is a row, more values are added
// to what is done, and failed runs begin again where that is asked for.
func TestRun(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "runs", "s")
	fake := &stub{of: func(steps int) (float64, error) {
		if steps == 20 {
			return 0, errBad
		}
		return float64(steps), nil
	}}
	for _, c := range []struct {
		grid  string
		retry bool
		want  []string // is trained
	}{
		{"30,20,10", false, []string{"30", "20", "10"}},
		{"30,20,10", false, nil},
		{"10,40,20", false, []string{"40"}},
		{"10,40,20", true, []string{"20"}},
	} {
		fake.done = nil
		s, trials := open(t, dir, c.grid)
		opt := options
		opt.Retry = c.retry
		if err := s.Run(t.Context(), s.Left(trials, opt), opt, fake.work); err != nil {
			t.Fatal(err)
		}
		if !slices.Equal(fake.done, c.want) {
			t.Errorf("%s: %q is done, want %q", c.grid, fake.done, c.want)
		}
	}
	s, _ := open(t, dir, "10")
	if best := s.Best(); len(s.Results) != 4 || best == nil || best.Value("sampler.steps") != "10" {
		t.Errorf("best %+v of %d", best, len(s.Results))
	}
	if r := s.Results[1]; r.State != sweep.Failed || r.Code != 3 || r.Reason != errBad.Error() {
		t.Errorf("the failure is %+v", r)
	}
	table, err := os.ReadFile(s.CSVPath())
	if err != nil || !strings.HasPrefix(string(table), "sampler.steps,loss,seconds,state,run,code,reason\n30,30,0,done,,,\n20,,0,failed,,3,\"diverged, or so\"\n") {
		t.Errorf("%s%v", table, err)
	}
	html, err := os.ReadFile(s.HTMLPath())
	if err != nil || strings.Count(string(html), "<polyline ") != 3 || strings.Contains(string(html), "://") {
		t.Errorf("%s%v", html, err)
	}
}

// TestRunInterrupted: what is under way stays to be done, and so does what comes
// after it.
func TestRunInterrupted(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "s")
	ctx, cancel := context.WithCancel(t.Context())
	s, trials := open(t, dir, "10,20,30")
	err := s.Run(ctx, s.Left(trials, options), options, func(ctx context.Context, r *sweep.Result, keep func() error) error {
		if r.Value("sampler.steps") == "20" {
			r.Run = "version_7"
			cancel()
			return ctx.Err()
		}
		return nil
	})
	if !errors.Is(err, context.Canceled) {
		t.Errorf("the error is %v", err)
	}
	s, trials = open(t, dir, "10,20,30")
	left := s.Left(trials, options)
	if len(left) != 2 || left[0].Run != "version_7" || left[0].State != sweep.Running || left[1].State != sweep.Waiting {
		t.Errorf("left: %+v", left)
	}
}

// TestRunParallel: so many at a time and all of them; what was judged less is judged
// again, and an error of the sweep's own files ends it.
func TestRunParallel(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "s")
	both := make(chan bool)
	opt := options
	opt.Parallel = 2
	s, trials := open(t, dir, "10,20,30,40")
	fake := &stub{of: func(int) (float64, error) {
		select { // two meet here, or the test does not end
		case both <- true:
		case <-both:
		}
		return 1, nil
	}}
	if err := s.Run(t.Context(), s.Left(trials, opt), opt, fake.work); err != nil || len(fake.done) != 4 {
		t.Errorf("done: %q, %v", fake.done, err)
	}
	opt.Judge = sweep.Quick
	if left := s.Left(trials, opt); len(left) != 4 {
		t.Errorf("%d are to be judged", len(left))
	}
	if err := os.Remove(s.CSVPath()); err != nil {
		t.Fatal(err)
	}
	if err := os.Mkdir(s.CSVPath(), 0o777); err != nil {
		t.Fatal(err)
	}
	if err := s.Run(t.Context(), s.Left(trials, opt), opt, fake.work); err == nil {
		t.Error("a folder in the place of sweep.csv is no error")
	}
}

// TestKilled: a run in which the program was ended again and again is not tried for
// ever.
func TestKilled(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "s")
	fake := &stub{of: func(int) (float64, error) { return 1, nil }}
	for range 3 {
		s, trials := open(t, dir, "10,20")
		if err := s.BeginOnly(s.Left(trials, options)[0], options); err != nil {
			t.Fatal(err)
		}
	}
	s, trials := open(t, dir, "10,20")
	if err := s.Run(t.Context(), s.Left(trials, options), options, fake.work); err != nil {
		t.Error(err)
	}
	if r := s.Results[0]; r.State != sweep.Failed || !strings.Contains(r.Reason, "3 times") {
		t.Errorf("%+v", r)
	}
	if r := s.Results[1]; r.State != sweep.Done {
		t.Errorf("%+v", r)
	}
}

// TestGroups: runs of other seeds are one combination, by their mean; one that lacks
// the figure is none.
func TestGroups(t *testing.T) {
	trials, err := sweep.Combine(joule.DefaultConfig(), nil, axes(t, "seed=1,2", "sampler.steps=10,20,30"))
	if err != nil {
		t.Fatal(err)
	}
	s, err := sweep.Open(filepath.Join(t.TempDir(), "s"), joule.DefaultConfig(), sweep.Figure{Name: "loss", Better: "min"}, trials)
	if err != nil {
		t.Fatal(err)
	}
	for i, loss := range []float64{1, 3, 5, 9, 3} {
		s.Results[i].State, s.Results[i].Figures = sweep.Done, map[string]float64{"loss": loss}
	}
	var got []string
	for _, g := range s.Groups() {
		got = append(got, fmt.Sprint(g.Runs[0].Value("sampler.steps"), " ", len(g.Runs), " ", g.Mean))
	}
	if want := []string{"20 2 3", "10 2 5"}; !slices.Equal(got, want) {
		t.Errorf("%q, want %q", got, want)
	}
}

func TestOpenRefuses(t *testing.T) {
	good := `{"metric":"loss","settings":"epochs: 3\n","runs":[{"settings":["epochs=2"],"state":"done","seconds":1}]}`
	for _, c := range []struct{ old, new, want string }{
		{"", "", ""},
		{`{"metric"`, `{"metric`, "is not what joule sweep has written"},
		{"epochs=2", "epochs=0", "is not within"},
		{"epochs=2", "epoch=2", "unknown key"},
		{"epochs: 3", "epochs: x", "is not a whole number"},
		{`"state":"done"`, `"state":"odd"`, "has the state odd"},
		{`"state":"done"`, `"state":"done","run":"../version_0"`, "lies in ../version_0"},
		{`{"settings"`, `null,{"settings"`, "a run is null"},
		{`{"settings":["epochs=2"],"state":"done","seconds":1}`, `{"state":"done"},{"state":"done"}`, "two runs have the same settings"},
		{`epochs: 3`, `epochs: 4`, "epochs: was 4 when the sweep began, and is 3"},
	} {
		dir := t.TempDir()
		if err := os.WriteFile(filepath.Join(dir, "sweep.json"), []byte(strings.Replace(good, c.old, c.new, 1)), 0o666); err != nil {
			t.Fatal(err)
		}
		_, err := sweep.Open(dir, joule.DefaultConfig(), sweep.Figure{Name: "loss"}, nil)
		if c.want == "" && err != nil || c.want != "" && (err == nil || !strings.Contains(err.Error(), c.want)) {
			t.Errorf("%s: %v, want %q", c.new, err, c.want)
		}
	}
}

func TestLock(t *testing.T) {
	s, _ := open(t, filepath.Join(t.TempDir(), "s"), "1")
	release, err := sweep.Lock(s.Dir)
	if err != nil {
		t.Fatal(err)
	}
	defer release()
	if _, err := sweep.Lock(s.Dir); err == nil {
		t.Error("a second process may sweep")
	}
}

func TestLabel(t *testing.T) {
	s, _ := open(t, t.TempDir(), "1,2")
	r := s.Results[0]
	if got := r.Label(s.Keys()); got != "sampler.steps=1" {
		t.Error(got)
	}
	if got := r.Label(nil); got != "sampler.steps=1" {
		t.Error(got)
	}
	if got := (&sweep.Result{}).Label(nil); got != "the settings given" {
		t.Error(got)
	}
	r.Name = "short"
	if got := r.Label([]string{"seed"}); got != "short, seed 42" {
		t.Error(got)
	}
}

func TestFindFigure(t *testing.T) {
	for _, name := range append(sweep.Figures(), "eval.auroc.noise-0.1") {
		f, err := sweep.FindFigure(name)
		if err != nil || f.Name != name || f.Better == "" || f.OfEval() != strings.HasPrefix(name, "eval.") {
			t.Errorf("%s: %+v, %v", name, f, err)
		}
	}
	for _, name := range []string{"", "metrics_avg_real", "eval.", "eval.auroc."} {
		if _, err := sweep.FindFigure(name); err == nil {
			t.Errorf("%q is a figure", name)
		}
	}
}

func TestEstimate(t *testing.T) {
	if _, ok := sweep.Estimate(nil, 3, 1); ok {
		t.Error("nothing was done, and there is an estimate")
	}
	if d, ok := sweep.Estimate([]time.Duration{time.Minute, 3 * time.Minute}, 5, 2); !ok || d != 6*time.Minute {
		t.Errorf("%v", d)
	}
}
