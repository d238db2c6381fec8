package replay

import (
	"errors"
	"math"
	"slices"
	"testing"

	"github.com/joule-ml/joule/lane"
	"github.com/joule-ml/joule/random"
	"github.com/joule-ml/joule/setting"
)

// restartSources are the sources of restarts from a real image of 0.25 or a
// sample of two pixels, in two channels of 5×6, and what each makes of them.
var restartSources = []struct {
	source func(*Restart)
	is     func(x []float32) bool
}{
	{func(c *Restart) { c.Uniform = 1 }, func(x []float32) bool { return x[0] != x[1] && x[0] != 0 }},
	{func(c *Restart) { c.Gray = 1 }, func(x []float32) bool { return x[0] == x[len(x)-1] && x[0] == x[17] && x[0] != -1 }},
	{func(c *Restart) { c.Blank = 1 }, func(x []float32) bool { return x[0] == -1 && x[len(x)-1] == -1 }},
	{func(c *Restart) { c.Data = 1 }, func(x []float32) bool {
		var sum, square float64
		for _, v := range x {
			sum += float64(v-0.25) / float64(len(x))
			square += float64(v-0.25) * float64(v-0.25) / float64(len(x))
		}
		return math.Abs(sum) < 0.06 && math.Abs(math.Sqrt(square)-0.1) < 0.06
	}},
	{func(c *Restart) { c.Shifted = 1 }, func(x []float32) bool {
		at := -1
		for i, v := range x[:30] {
			if v == 1 {
				at = i
			}
		}
		if at < 0 {
			return x[0] == -1 || x[0] == 0 // moved out
		}
		return x[30+at] == 0.5
	}},
}

// restarting makes a buffer whose restarts come from shares, and the real images
// of a batch.
func restarting(shares Restart, batch int) (r *Buffer, real []float32) {
	shape := lane.Shape{C: 2, H: 5, W: 6}
	real = make([]float32, batch*shape.Len())
	for i := range real {
		real[i] = 0.25
	}
	old := make([]float32, shape.Len())
	old[2*6+3], old[30+2*6+3] = 1, 0.5
	r = New(shape, Config{Size: 10}, shares, -1, 1, 0)
	r.put(old)
	return r, real
}

// Every source of restarts gives what it says.
func TestRestartSources(t *testing.T) {
	const batch, steps = 40, 50
	for _, v := range restartSources {
		shares := Restart{DataNoise: 0.1}
		v.source(&shares)
		r, real := restarting(shares, batch)
		x, size := make([]float32, len(real)), len(real)/batch
		distinct := map[float32]bool{}
		for step := range steps {
			if n := r.Draw(x, real, 1, random.Stream{Seed: 7}, uint32(step)); n != batch {
				t.Fatalf("%d restarts of %d", n, batch)
			}
			for i := range batch {
				distinct[x[i*size]] = true
				if !v.is(x[i*size : (i+1)*size]) {
					t.Fatalf("%+v starts from %v", shares, x[i*size:(i+1)*size])
				}
			}
		}
		if (shares.Uniform+shares.Gray+shares.Data > 0) != (len(distinct) > 100) {
			t.Errorf("%+v: %d different first pixels", shares, len(distinct))
		}
	}
}

// Every source of restarts has its share of them.
func TestRestartShares(t *testing.T) {
	const batch, steps = 40, 50
	r, real := restarting(Restart{Uniform: 0.5, Blank: 0.25, Gray: 0.25}, batch)
	x, size := make([]float32, len(real)), len(real)/batch
	var blank, gray float64
	for step := range steps {
		r.Draw(x, real, 1, random.Stream{Seed: 7}, uint32(step))
		for i := range batch {
			switch im := x[i*size : (i+1)*size]; {
			case im[0] == -1 && im[1] == -1:
				blank++
			case im[0] == im[1] && im[0] == im[9]:
				gray++
			}
		}
	}
	for what, n := range map[string]float64{"blank": blank, "gray": gray} {
		if share := n / (batch * steps); math.Abs(share-0.25) > 0.05 {
			t.Errorf("%.2f of the restarts are %s", share, what)
		}
	}
}

// Patches of noise have all sizes and places from a quarter of the image up,
// and noise up to different values; all channels share them.
func TestPatch(t *testing.T) {
	shape := lane.Shape{C: 2, H: 8, W: 12}
	r := New(shape, Config{Size: 10}, Restart{Patch: 1}, -1, 1, 0)
	r.Fill(10, random.Stream{Seed: 1, Purpose: random.InitialNoise})
	const n = 4000
	x := make([]float32, n*shape.Len())
	r.Draw(x, make([]float32, len(x)), 1, random.Stream{Seed: 7}, 3)
	var heights, widths, tops, lefts [13]int
	var greatest []float64
	for i := range n {
		top, left, bottom, right, most := shape.H, shape.W, 0, 0, -1.0
		for j, v := range x[i*shape.Len() : (i+1)*shape.Len()] {
			if y, col := j/shape.W%shape.H, j%shape.W; v != -1 {
				top, bottom, left, right = min(top, y), max(bottom, y+1), min(left, col), max(right, col+1)
				most = max(most, float64(v))
			}
		}
		for j, v := range x[i*shape.Len() : (i+1)*shape.Len()] {
			y, col := j/shape.W%shape.H, j%shape.W
			inside := y >= top && y < bottom && col >= left && col < right
			if inside != (v != -1) || v >= 1 {
				t.Fatalf("patch %d is no rectangle: %v", i, x[i*shape.Len():(i+1)*shape.Len()])
			}
		}
		heights[bottom-top]++
		widths[right-left]++
		tops[top]++
		lefts[left]++
		greatest = append(greatest, most)
	}
	for length := range 13 {
		// 7 heights from 2 to 8, 10 widths from 3 to 12, each as likely.
		if want := n / 7; (length >= 2 && length <= 8) != (heights[length] > want*8/10 && heights[length] < want*12/10) {
			t.Errorf("%d patches have the height %d", heights[length], length)
		}
		if want := n / 10; (length >= 3) != (widths[length] > want*8/10 && widths[length] < want*12/10) {
			t.Errorf("%d patches have the width %d", widths[length], length)
		}
	}
	if tops[0] < n/7 || tops[6] == 0 || lefts[0] < n/10 || lefts[9] == 0 || tops[7] > 0 || lefts[10] > 0 {
		t.Errorf("patches begin in the rows %v and columns %v", tops, lefts)
	}
	// The upper ends lie between −1 + 2/4 and 1, and the greatest of some
	// forty values close below.
	if lo, hi := slices.Min(greatest), slices.Max(greatest); lo > -0.45 || lo < -1 || hi < 0.97 {
		t.Errorf("the greatest values lie between %v and %v", lo, hi)
	}
}

// Young chains restart with one probability, old ones with another, and ages
// count what chains have been through.
func TestAges(t *testing.T) {
	shape := lane.Shape{C: 1, H: 1, W: 2}
	c := Config{Size: 2000, Precision: Float32, Policy: FIFO, RestartProbability: 0.5, OldAfter: 3, OldRestartProbability: 0.1}
	r := New(shape, c, Restart{Blank: 1}, -1, 1, 0)
	r.Fill(2000, random.Stream{Seed: 1, Purpose: random.InitialNoise})
	const batch = 200
	x := make([]float32, batch*2)
	var young, old, youngFresh, oldFresh int
	for step := range uint32(400) {
		fresh := r.Draw(x, x, 0.5, random.Stream{Seed: 5}, step)
		count := 0
		for i := range batch {
			if x[2*i] == -1 { // which stands for a chain that began here
				count++
			}
			// A chain's second value counts its steps, as its age should.
			if x[2*i] == -1 {
				x[2*i], x[2*i+1] = 0, 0
			} else if step < 100 { // chains of the beginning have no count
				x[2*i], x[2*i+1] = 0, float32(r.drawn[i])
			} else if x[2*i+1] != float32(r.drawn[i]) {
				t.Fatalf("step %d: a chain has the age %v and has been through %v", step, r.drawn[i], x[2*i+1])
			}
			x[2*i+1]++
		}
		if count != fresh {
			t.Fatalf("step %d: %d restarts, %d counted", step, count, fresh)
		}
		r.Add(x, random.Stream{}, step)
	}
	// Of the chains of one age in the buffer the share that goes on is known.
	for step := range uint32(100) {
		before := slices.Clone(r.ages)
		head := r.head
		r.Draw(x, x, 0.5, random.Stream{Seed: 6}, step)
		for i := range batch {
			w := random.Stream{Seed: 6, Purpose: random.Draw}.Words(uint32(i), step, 0)
			restarted := x[2*i] == -1
			if before[(head+r.pick(w, 1))%r.room] < 3 {
				if young++; restarted {
					youngFresh++
				}
			} else if old++; restarted {
				oldFresh++
			}
		}
	}
	if a, b := float64(youngFresh)/float64(young), float64(oldFresh)/float64(old); math.Abs(a-0.5) > 0.03 || math.Abs(b-0.1) > 0.02 || old < 1000 || young < 1000 {
		t.Errorf("%v of %d young chains restart, and %v of %d old ones", a, young, b, old)
	}
	c.Policy = Reservoir
	var bad *setting.Error
	if err := c.Validate(); !errors.As(err, &bad) || bad.Key != "old_after" {
		t.Errorf("a reservoir with ages: %v", err)
	}
}

// A reservoir keeps old images beside new ones.
func TestReservoir(t *testing.T) {
	r := New(lane.Shape{C: 1, H: 1, W: 2}, Config{Size: 100, Policy: Reservoir}, Restart{Uniform: 1}, -1, 1, 0)
	s := random.Stream{Seed: 3, Purpose: random.Reservoir}
	for step := range 40 {
		batch := make([]float32, 20)
		for i := range batch {
			batch[i] = float32(step)
		}
		r.Add(batch, s, uint32(step))
	}
	if r.n != 100 {
		t.Fatalf("%d images", r.n)
	}
	var ages []float32
	old := 0
	for i := range 100 {
		ages = append(ages, r.image(i)[0])
		if r.image(i)[0] < 30 { // beyond what fifo keeps
			old++
		}
	}
	// An image survives 10 draws of 100 with probability 0.9: of the ones
	// before step 30 some (0.9)^10 = 0.35 remain.
	if old < 20 || old > 55 {
		t.Errorf("%d of 100 images are older than the last ten batches: %v", old, ages)
	}
}
func TestMarks(t *testing.T) {
	r := New(lane.Shape{C: 1, H: 1, W: 3}, Config{Size: 25}, Restart{Uniform: 1}, -1, 1, 4*10)
	next := float32(0)
	put := func() {
		batch := make([]float32, 30)
		for i := range batch {
			batch[i] = next
			next++
		}
		r.put(batch)
	}
	all := func() (v []float32) {
		for i := range r.n {
			v = append(v, r.image(i)...)
		}
		return v
	}
	for range 20 {
		put()
		want, m := all(), r.Mark()
		for range 4 {
			put()
		}
		if !r.Holds(m) {
			t.Fatal("no room")
		}
		r.Back(m)
		if !slices.Equal(all(), want) {
			t.Fatal("other images")
		}
	}
	r.Renew(random.Stream{Seed: 1, Purpose: random.InitialNoise, Retry: 1}, 2)
	if r.reach(r.Mark()) != r.n {
		t.Error("the mark of now reaches too far")
	}
}
