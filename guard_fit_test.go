package joule

import (
	"errors"
	"testing"

	"github.com/joule-ml/joule/lane"
	"github.com/joule-ml/joule/setting"
)

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
