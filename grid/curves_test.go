package grid

import (
	"bytes"
	"image"
	"image/png"
	"math"
	"math/rand/v2"
	"os"
	"strings"
	"sync"
	"testing"
)

// run is what three epochs of training look like.
func run() []Panel {
	rng := rand.New(rand.NewPCG(1, 2))
	const n = 2811
	series := func(name string, noise float64, f func(x float64) float64) Series {
		s := Series{Name: name}
		for i := range n {
			s.X = append(s.X, float64(i))
			s.Y = append(s.Y, f(float64(i))+noise*rng.NormFloat64())
		}
		return s
	}
	epochs := []float64{937, 1874, 2811}
	rate := series("learning rate", 0, func(x float64) float64 { return 1e-4 * math.Pow(0.97, math.Floor(x/937)) })
	norm := series("gradient norm", 0, func(x float64) float64 { return math.Exp(2*rng.NormFloat64()) * 10 * math.Exp(-x/400) })
	return []Panel{
		{Title: "Loss", YLabel: "loss", Series: []Series{
			series("loss", 0.004, func(x float64) float64 { return 0.05 * math.Exp(-x/200) }),
			series("loss_contrastive_divergence", 0.004, func(x float64) float64 { return -0.01 + 0.04*math.Exp(-x/150) }),
			series("loss_regularization", 0.0005, func(x float64) float64 { return 0.01 }),
		}},
		{Title: "Scores of real and generated images", YLabel: "f = −E", Series: []Series{
			series("metrics_avg_real", 0.05, func(x float64) float64 { return 0.2 * math.Sin(x/300) }),
			series("metrics_avg_fake", 0.05, func(x float64) float64 { return 0.2*math.Sin(x/300) - 0.05 }),
		}},
		{Title: "Validation", YLabel: "f = −E", Series: []Series{
			{"val_contrastive_divergence", epochs, []float64{-1.91, -3.2, -4.05}},
			{"val_real_out", epochs, []float64{0.1, 0.05, math.NaN()}},
			{"val_fake_out", epochs[:1], []float64{-1.8}},
		}},
		{Title: "Learning rate and gradient norm", LogY: true, Series: []Series{rate, norm}},
	}
}

// TestCurves also leaves the picture at $JOULE_CURVES, to be looked at.
func TestCurves(t *testing.T) {
	var b bytes.Buffer
	if err := Curves(&b, run(), sample[:2]); err != nil {
		t.Fatal(err)
	}
	if path := os.Getenv("JOULE_CURVES"); path != "" {
		if err := os.WriteFile(path, b.Bytes(), 0o666); err != nil {
			t.Fatal(err)
		}
	}
	text, err := ReadText(bytes.NewReader(b.Bytes()))
	if err != nil || len(text) != 2 {
		t.Errorf("text %q, %v", text, err)
	}
	m, err := png.Decode(&b)
	if err != nil {
		t.Fatal(err)
	}
	if m.Bounds().Dx() != curvesWidth || m.Bounds().Dy() != 2*panelHeight {
		t.Errorf("bounds %v", m.Bounds())
	}
	pixels := m.(*image.RGBA)
	// Every colour of a curve shows in the quarter that it belongs to, and
	// the NaN in the third.
	quarters := [4]map[[3]uint8]int{{}, {}, {}, {}}
	for y := range m.Bounds().Dy() {
		for x := range m.Bounds().Dx() {
			if c := pixels.RGBAAt(x, y); c.R != c.G || c.G != c.B {
				quarters[y/panelHeight*2+x/(curvesWidth/2)][[3]uint8{c.R, c.G, c.B}]++
			}
		}
	}
	for q, curves := range []int{3, 2, 3, 2} {
		for i, c := range palette {
			if seen := quarters[q][[3]uint8{c.R, c.G, c.B}] > 20; c.R+c.G+c.B > 0 && seen != (i < curves) {
				t.Errorf("panel %d: colour %d seen: %v", q, i, seen)
			}
		}
		if seen := quarters[q][[3]uint8{warning.R, warning.G, warning.B}] > 5; seen != (q == 2) {
			t.Errorf("panel %d: a mark of missing values: %v", q, seen)
		}
	}
}

// TestCurvesOfAnything draws what a run gone wrong may leave.
func TestCurvesOfAnything(t *testing.T) {
	inf, nan := math.Inf(1), math.NaN()
	odd := []float64{0, math.Copysign(0, -1), 1, -1, 1e-300, 5e-324, 1e99, -1e99, 1e100, 1e300, -math.MaxFloat64, nan, inf, -inf}
	var series []Series
	series = append(series, Series{}, Series{Name: "point", X: []float64{3}, Y: []float64{2}})
	for i, v := range odd {
		series = append(series, Series{Name: "one", X: []float64{1}, Y: []float64{v}},
			Series{Name: "two", X: []float64{1, 2}, Y: []float64{v, v}},
			Series{Name: "x", X: []float64{v, v}, Y: []float64{1, 2}})
		for _, w := range []float64{odd[(i+6)%len(odd)]} {
			series = append(series, Series{Name: "pair", X: []float64{1, 2, 3}, Y: []float64{v, w, v}})
		}
	}
	draw := func(panels ...Panel) {
		t.Helper()
		var b bytes.Buffer
		if err := Curves(&b, panels, nil); err != nil {
			t.Fatal(err)
		}
		if path := os.Getenv("JOULE_CURVES"); path != "" {
			if err := os.WriteFile(path+".odd.png", b.Bytes(), 0o666); err != nil {
				t.Fatal(err)
			}
		}
		if b.Len() < 1000 {
			t.Fatalf("a picture of %d bytes", b.Len())
		}
	}
	draw()
	draw(Panel{})
	draw(Panel{Title: strings.Repeat("long ", 1000), YLabel: "y", Series: series})
	draw(Panel{Title: "all", Series: series[2:14]}, Panel{Title: "log", LogY: true, Series: series}, Panel{LogY: true, Series: series[2:3]}, Panel{})
	var panels []Panel
	for i, s := range series {
		panels = append(panels, Panel{Title: s.Name, LogY: i/5%2 == 0, Series: []Series{s}}) // alone on its axes
	}
	if testing.Short() {
		panels = panels[:12]
	}
	drawCurves(panels)
}

func TestCurvesAtOnce(t *testing.T) {
	panels := run()[2:3]
	var pictures [4]bytes.Buffer
	var wg sync.WaitGroup
	for i := range pictures {
		wg.Go(func() {
			if err := Curves(&pictures[i], panels, nil); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	for i := range pictures {
		if !bytes.Equal(pictures[i].Bytes(), pictures[0].Bytes()) {
			t.Error("the same curves gave another picture")
		}
	}
}

func TestAverage(t *testing.T) {
	var run []point
	for i := range 100 {
		run = append(run, point{float64(i), float64(3*i) + 1})
	}
	for i, p := range average(run, 7, false) { // a straight line stays where it is
		if want := run[i+2]; math.Abs(p.y-want.y) > 1e-9 || p.x != want.x {
			t.Errorf("point %d is %v, want %v", i, p, want)
		}
	}
	if noisy([][]point{run}) {
		t.Error("a straight line is noisy")
	}
	for i := range run {
		run[i].y += float64(i % 2 * 100)
	}
	if !noisy([][]point{run}) {
		t.Error("a zigzag is not noisy")
	}
}

func TestThin(t *testing.T) {
	var run []point
	for i := range 100_000 {
		run = append(run, point{float64(i), math.Sin(float64(i))})
	}
	run[777].y, run[55_555].y = -5, 9
	kept := thin(run)
	seen := map[float64]bool{}
	for i, p := range kept {
		seen[p.y] = true
		if i > 0 && p.x < kept[i-1].x {
			t.Fatalf("point %d lies before the one before it", i)
		}
	}
	if len(kept) != 1000 || !seen[-5] || !seen[9] {
		t.Errorf("%d points, outliers kept: %v", len(kept), seen[-5] && seen[9])
	}
}

// TestSmooth: a smooth panel shows the averages, and its axes fit these.
func TestSmooth(t *testing.T) {
	s := Series{Name: "zigzag"}
	for i := range 320 {
		s.X, s.Y = append(s.X, float64(i)), append(s.Y, float64(i%2*200-100))
	}
	steady := Series{"steady", []float64{0, 320}, []float64{-1, 1}}
	for _, smooth := range []bool{false, true} {
		curves, axes := newPlot(Panel{Smooth: smooth, Series: []Series{s, steady}})
		if (curves[0].smooth == nil) != smooth || len(curves[1].runs[0]) != 2 {
			t.Errorf("smooth %v: averages beside the line: %v", smooth, curves[0].smooth != nil)
		}
		if wide := axes.Y.Max-axes.Y.Min > 100; wide == smooth {
			t.Errorf("smooth %v: axis from %g to %g", smooth, axes.Y.Min, axes.Y.Max)
		}
	}
	drawCurves([]Panel{{Smooth: true, Series: []Series{s, steady}}})
}
