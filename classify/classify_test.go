package classify

import (
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"
	"testing"

	"github.com/joule-ml/joule/dataset"
)

// floor is the least accuracy on the test images that a classifier may have.
var floor = map[string]float64{"mnist": 0.99, "fashion-mnist": 0.90}

func TestFiles(t *testing.T) {
	if !slices.Equal(Names(), dataset.Names()) {
		t.Errorf("classifiers of %v, data sets %v", Names(), dataset.Names())
	}
	for name, b := range map[string][]byte{"mnist": mnist, "fashion-mnist": fashionMNIST} {
		if len(b) > 1<<20 {
			t.Errorf("%s takes %d bytes, more than a megabyte", name, len(b))
		}
		c := decodeBuiltIn(b)
		channels, h, w := c.Shape()
		if channels != 1 || h != 28 || w != 28 || c.Classes() != 10 || c.FeatureLen() != 128 {
			t.Errorf("%s: %d classes and %d features of images %d×%d×%d", name, c.Classes(), c.FeatureLen(), channels, h, w)
		}
		if c.Card().TestAccuracy < floor[name] {
			t.Errorf("%s states an accuracy of %v", name, c.Card().TestAccuracy)
		}
		shared, err := BuiltIn(name)
		if err != nil || shared.Hash() != c.Hash() {
			t.Errorf("Load(%q): %v", name, err)
		}
		if again, _ := BuiltIn(name); again != shared {
			t.Errorf("%s is read twice", name)
		}
	}
}

func BenchmarkDecode(b *testing.B) {
	for b.Loop() {
		decodeBuiltIn(mnist)
	}
}

func TestLoadOther(t *testing.T) {
	_, err := BuiltIn("pictures/")
	var fault *dataset.Error
	if !errors.As(err, &fault) || !strings.Contains(fault.Hint, "mnist and fashion-mnist") {
		t.Errorf("error %v", err)
	}
}

// TestAccuracy holds the classifiers to what they state, on the real test
// images, where these are on this machine.
func TestAccuracy(t *testing.T) {
	if testing.Short() {
		t.Skip("takes seconds with the generic kernels")
	}
	for _, name := range Names() {
		t.Run(name, func(t *testing.T) {
			train, test, err := dataset.Open(t.Context(), name, dataset.Options{Offline: true})
			if err != nil {
				t.Skip(err)
			}
			c, err := BuiltIn(name)
			if err != nil {
				t.Fatal(err)
			}
			result, err := c.Test(test)
			if err != nil {
				t.Fatal(err)
			}
			// Other instruction sets round otherwise: an image or two that
			// stand between two classes may change sides.
			if a := result.Accuracy(); a < floor[name] || math.Abs(a-c.Card().TestAccuracy) > 3e-4 {
				t.Errorf("accuracy %v, stated is %v", a, c.Card().TestAccuracy)
			}
			if card := c.Card(); card.Recipe.Data != name || card.DataHash != train.Hash() || card.N != train.N {
				t.Errorf("trained on other images: %+v", card)
			}
		})
	}
}

func ExampleBuiltIn() {
	c, err := BuiltIn("mnist")
	if err != nil {
		panic(err)
	}
	images := make([]float32, 3*28*28) // N×C×H×W in [−1, 1]
	features := make([]float32, 3*c.FeatureLen())
	c.Features(features, images)
	fmt.Println(len(features)/3, "features of an image")
	// Output: 128 features of an image
}

// BenchmarkFeatures takes 10,000 images to features.
func BenchmarkFeatures(b *testing.B) {
	c, err := BuiltIn("mnist")
	if err != nil {
		b.Fatal(err)
	}
	const n = 10000
	images, features := make([]float32, n*28*28), make([]float32, n*c.FeatureLen())
	b.ReportAllocs()
	for b.Loop() {
		c.Features(features, images)
	}
}

func BenchmarkLoad(b *testing.B) {
	var c *Classifier
	for b.Loop() {
		c = decodeBuiltIn(mnist)
	}
	_ = c
}

// TestSets: sets that cannot be classified are errors.
func TestSets(t *testing.T) {
	c := decodeBuiltIn(mnist)
	for _, s := range []*dataset.Set{nil, {}, {N: 1, C: 1, H: 28, W: 28, Pixels: make([]byte, 5)}, {C: 1, H: 28, W: 28}, {N: 1, C: 1, H: 28, W: 28, Pixels: make([]byte, 784)}} {
		var bad *dataset.Error
		if _, err := c.Test(s); !errors.As(err, &bad) || bad.Hint == "" {
			t.Errorf("test of %+v: %v", s, err)
		}
		if _, err := Train(t.Context(), DefaultConfig(), s, nil); !errors.As(err, &bad) || bad.Hint == "" {
			t.Errorf("training on %+v: %v", s, err)
		}
	}
}
