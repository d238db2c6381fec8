package classify

import (
	"encoding/json"
	"fmt"
	"io"
	"strings"

	"github.com/joule-ml/joule/checkpoint"
	"github.com/joule-ml/joule/dataset"
	"github.com/joule-ml/joule/engine"
	"github.com/joule-ml/joule/lane"
	"github.com/joule-ml/joule/nn"
	"github.com/joule-ml/joule/weights"
)

// A Classifier tells the classes of images. Its features, what its last layer
// tells them by, are a space in which samples can be compared with data.
// Methods may run side by side. [Train] makes one; package classify
// has them ready for the data sets that Joule knows.
type Classifier struct {
	net              *nn.Network
	engine           *engine.Engine
	logits, features int // outputs
	card             Card
}

// A Card says how a classifier was trained and how accurate it is. It is kept
// in its file.
type Card struct {
	Recipe Config `json:"recipe"`
	// DataHash is that of the training images ([dataset.Set.Hash]), N their
	// number.
	DataHash string `json:"data_hash"`
	N        int    `json:"images"`
	// TestAccuracy is the share of test images that are classified rightly; 0
	// where that was not measured.
	TestAccuracy float64 `json:"test_accuracy"`
}

// newClassifier checks that net is a classifier's.
func newClassifier(net *nn.Network, card Card) (*Classifier, error) {
	c := &Classifier{net: net, engine: engine.New(net, 0), logits: net.Output(nn.LogitsOutput), features: net.Output(nn.FeaturesOutput), card: card}
	if c.logits != 0 || c.features < 0 {
		return nil, fmt.Errorf("the network's outputs are not %s, %s", nn.LogitsOutput, nn.FeaturesOutput)
	}
	if s := net.OutputShape(c.logits); s.H*s.W != 1 || s.C < 2 || s.C > maxClasses {
		return nil, fmt.Errorf("logits of %d×%d×%d values, want those of 2 to %d classes", s.C, s.H, s.W, maxClasses)
	}
	return c, nil
}

// maxClasses is the number of labels that a byte can hold.
const maxClasses = 256

// Card returns where the classifier comes from. Only the code that trained it
// may change it.
func (c *Classifier) Card() *Card { return &c.card }

// Spec returns the network's description.
func (c *Classifier) Spec() nn.Spec { return c.net.Spec() }

// Shape returns the channels, height and width of the classifier's images.
func (c *Classifier) Shape() (channels, h, w int) {
	s := c.net.Input()
	return s.C, s.H, s.W
}

// Classes returns K, the number of classes.
func (c *Classifier) Classes() int { return c.net.OutputShape(c.logits).Len() }

// FeatureLen returns F, the number of features of an image.
func (c *Classifier) FeatureLen() int { return c.net.OutputShape(c.features).Len() }

// Parameters returns the number of weights and biases.
func (c *Classifier) Parameters() int { return len(c.net.Params()) }

// Hash identifies the classifier as joule.Model.Hash does a model.
func (c *Classifier) Hash() string { return weights.Hash(c.net) }

// Forward sets logits, N×K, and features, N×F, of images, N×C×H×W in [−1, 1],
// in one pass. Either may be nil. Values that are not finite stay so.
func (c *Classifier) Forward(logits, features, images []float32) {
	n := c.engine.Images(images)
	if logits != nil && len(logits) != n*c.Classes() || features != nil && len(features) != n*c.FeatureLen() {
		panic("classify: Classifier.Forward to logits or features of another number of images")
	}
	out := make([][]float32, c.net.Outputs())
	out[c.logits], out[c.features] = logits, features
	c.engine.Outputs(out, images)
}

// Logits sets dst, N×K, to the logarithms of the classes' probabilities, up to
// a constant for each image.
func (c *Classifier) Logits(dst, images []float32) { c.Forward(dst, nil, images) }

// Features sets dst, N×F, to the input of the last layer, by which it tells the
// classes apart.
func (c *Classifier) Features(dst, images []float32) { c.Forward(nil, dst, images) }

// Probabilities sets dst, N×K, to the probabilities of the classes, the softmax
// of the logits.
func (c *Classifier) Probabilities(dst, images []float32) {
	c.Logits(dst, images)
	k := c.Classes()
	for i := 0; i < len(dst); i += k {
		softmax(dst[i:i+k], dst[i:i+k])
	}
}

// A Test is how a classifier does on labelled images.
type Test struct {
	N, Correct int
	Loss       float64 // mean cross-entropy, in nats
	// Confusion[label][predicted] counts images; those without one largest
	// logit are in none.
	Confusion [][]int
	Labels    []int // number of images of each label
}

// Accuracy returns the share of images classified rightly.
func (t Test) Accuracy() float64 { return float64(t.Correct) / float64(t.N) }

// ClassAccuracy returns the share among the images of a label, NaN where there
// are none.
func (t Test) ClassAccuracy(label int) float64 {
	return float64(t.Confusion[label][label]) / float64(t.Labels[label])
}

// testBatch is how many images Test holds at a time.
const testBatch = 1024

// Test classifies all images of a set.
func (c *Classifier) Test(set *dataset.Set) (Test, error) {
	k := c.Classes()
	if err := checkLabels(set, c.net.Input(), k); err != nil {
		return Test{}, err
	}
	t := Test{N: set.N, Labels: make([]int, k)}
	for range k {
		t.Confusion = append(t.Confusion, make([]int, k))
	}
	loader := dataset.NewLoader(set, testBatch, 0, false)
	images, labels := make([]float32, testBatch*set.Size()), make([]byte, testBatch)
	logits, d := make([]float32, testBatch*k), make([]float32, testBatch*k)
	for range loader.Batches() {
		n := loader.NextLabelled(images, labels)
		c.engine.Outputs([][]float32{logits[:n*k]}, images[:n*set.Size()])
		loss, correct := crossEntropy(d[:n*k], logits[:n*k], labels[:n])
		t.Loss += loss * float64(n) / float64(set.N)
		t.Correct += correct
		for i, label := range labels[:n] {
			t.Labels[label]++
			if p := predicted(logits[i*k : (i+1)*k]); p >= 0 {
				t.Confusion[label][p]++
			}
		}
	}
	return t, nil
}

// checkLabels reports a set that is not of a classifier's images, or has
// labels beyond its classes.
func checkLabels(set *dataset.Set, shape lane.Shape, classes int) error {
	if err := set.Validate(); err != nil {
		return err
	}
	switch {
	case set.N == 0:
		return &dataset.Error{File: set.Name, What: "no images", Hint: "give at least one"}
	case (lane.Shape{C: set.C, H: set.H, W: set.W}) != shape:
		return &dataset.Error{File: set.Name, What: fmt.Sprintf("its images are %d×%d×%d, the classifier's %d×%d×%d", set.C, set.H, set.W, shape.C, shape.H, shape.W)}
	case set.Labels == nil:
		return &dataset.Error{File: set.Name, What: "its images have no labels", Hint: "give a folder with a folder of images for each class"}
	}
	for i, label := range set.Labels {
		if int(label) >= classes {
			return &dataset.Error{File: set.Name, What: fmt.Sprintf("image %d has label %d, the classifier knows %d classes", i, label, classes)}
		}
	}
	return nil
}

// The metadata of a classifier's file beside a model's.
const (
	metaClassifier   = "classifier" // its Card as JSON
	outputClassifier = nn.LogitsOutput
)

// File returns the classifier as a safetensors file: weights under PyTorch's
// names and shapes, as float16, which they were rounded to after the training.
func (c *Classifier) File() *checkpoint.File {
	spec, err := json.Marshal(c.net.Spec())
	if err != nil {
		panic("classify: " + err.Error()) // a Spec is plain data
	}
	card, err := json.Marshal(c.card)
	if err != nil {
		panic("classify: " + err.Error()) // a finite accuracy and plain data
	}
	// The program's version is left out: a recipe has one result.
	f := &checkpoint.File{Metadata: map[string]string{
		weights.MetaFormat: weights.Format, weights.MetaOutput: outputClassifier, weights.MetaSpec: string(spec), metaClassifier: string(card),
	}}
	for _, v := range c.net.Views() {
		half := make([]checkpoint.Half, len(v.Data))
		for i, x := range v.Data {
			half[i] = checkpoint.ToHalf(x)
		}
		f.Tensors = append(f.Tensors, checkpoint.Tensor{Name: v.Name, Shape: v.Shape, Data: half})
	}
	return f
}

// Save writes the classifier's File, replacing path whole.
func (c *Classifier) Save(path string) error { return checkpoint.Write(path, c.File()) }

// Read reads a file that [Classifier.Save] wrote. Where the file is not that of a
// classifier, the error is a [*checkpoint.Error].
func Read(path string) (*Classifier, error) {
	f, err := checkpoint.Read(path)
	if err != nil {
		return nil, err
	}
	c, err := fromFile(f)
	return c, weights.InFile(path, err)
}

// Decode is Read of a file of size bytes.
func Decode(r io.ReaderAt, size int64) (*Classifier, error) {
	f, err := checkpoint.Decode(r, size)
	if err != nil {
		return nil, err
	}
	return fromFile(f)
}

const notOne = "give the file of a classifier"

func fromFile(f *checkpoint.File) (*Classifier, error) {
	if f.Metadata[weights.MetaOutput] != outputClassifier || f.Metadata[metaClassifier] == "" {
		return nil, &checkpoint.Error{Fault: "is no classifier", Hint: notOne}
	}
	var card Card
	d := json.NewDecoder(strings.NewReader(f.Metadata[metaClassifier]))
	d.DisallowUnknownFields()
	if err := d.Decode(&card); err != nil {
		return nil, &checkpoint.Error{Fault: "classifier card: " + err.Error(), Hint: notOne}
	}
	spec, err := weights.Spec(f)
	if err != nil {
		return nil, err
	}
	net, err := weights.Build(spec, f)
	if err != nil {
		return nil, err
	}
	for _, v := range net.Params() {
		if v-v != 0 {
			return nil, &checkpoint.Error{Fault: "a weight is not finite", Hint: notOne}
		}
	}
	c, err := newClassifier(net, card)
	if err != nil {
		return nil, &checkpoint.Error{Fault: err.Error(), Hint: notOne}
	}
	return c, nil
}
