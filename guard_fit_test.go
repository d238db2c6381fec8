package joule

import (
	"errors"
	"testing"

	"github.com/joule-ml/joule/lane"
	"github.com/joule-ml/joule/replay"
	"github.com/joule-ml/joule/setting"
)

// TestFitGuardToPrecision: where the buffer saves memory, so does the guard.
func TestFitGuardToPrecision(t *testing.T) {
	for _, test := range []struct {
		precision             string
		side, steps, window   int
		wantSteps, wantWindow int
	}{
		{replay.Float32, 128, 50, 20, 50, 20},
		{replay.Float16, 28, 50, 20, 50, 20},
		{replay.Float16, 64, 50, 20, 42, 20},
		{replay.Float16, 128, 50, 20, 10, 10},
		{replay.Uint8, 128, 50, 20, 21, 20},
		{replay.Uint8, 256, 50, 20, 10, 10},
		{replay.Float16, 128, 50, 15, 15, 15}, // the window was asked for
		{replay.Float16, 128, 49, 20, 49, 20}, // and here the distance
	} {
		c := DefaultConfig()
		c.Buffer.Precision, c.Guard.EveryNSteps, c.Guard.Window = test.precision, test.steps, test.window
		if err := c.fitGuard(lane.Shape{C: 3, H: test.side, W: test.side}); err != nil || c.Guard.EveryNSteps != test.wantSteps || c.Guard.Window != test.wantWindow {
			t.Errorf("%+v: every %d steps, window %d, %v", test, c.Guard.EveryNSteps, c.Guard.Window, err)
		}
	}
}

// TestFitGuard: the default distance between states follows what fits into memory;
// another one was asked for.
func TestFitGuard(t *testing.T) {
	large := lane.Shape{C: 3, H: 64, W: 64}
	for _, test := range []struct {
		steps, window, batch int
		want, wantWindow     int // 0 for an error
	}{
		{50, 20, 64, 50, 20},
		{50, 20, 4096, 10, 10},
		{50, 15, 2048, 21, 15},
		{50, 15, 4096, 0, 0},
		{60, 20, 4096, 0, 0},
		{10, 5, 4096, 10, 5},
	} {
		c := DefaultConfig()
		c.BatchSize, c.Guard.EveryNSteps, c.Guard.Window = test.batch, test.steps, test.window
		err := c.fitGuard(large)
		var bad *setting.Error
		if test.want == 0 {
			if !errors.As(err, &bad) || bad.Hint == "" {
				t.Errorf("%+v: %v", test, err)
			}
		} else if err != nil || c.Guard.EveryNSteps != test.want || c.Guard.Window != test.wantWindow {
			t.Errorf("%+v: every %d steps, window %d, %v", test, c.Guard.EveryNSteps, c.Guard.Window, err)
		}
	}
}
