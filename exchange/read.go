package exchange

import (
	"fmt"

	"github.com/joule-ml/joule"
	"github.com/joule-ml/joule/checkpoint"
)

// Options say what a file of weights leaves open.
type Options struct {
	// Output is the convention of a file whose metadata have no "output".
	// PyTorch's have none, and nothing in the weights tells E from −E, so
	// there is no default: a wrong one would turn likely into unlikely
	// without any sign of it.
	Output joule.Convention
	// Height and Width of the images, both 0 where they are not known. The
	// weights give the number of pixels only after four halvings.
	Height, Width int

	told []int // channels, height and width, where a checkpoint tells them
}

// A Result is a model that was read and how it was understood.
type Result struct {
	Model       *joule.Model
	Output      joule.Convention // of the network in the file
	SizeGuessed bool             // the images' size is the usual one of several that fit
}

const (
	metaSpec   = "spec"   // what joule.LoadModel builds the network from
	metaOutput = "output" // a joule.Convention
)

// Read reads a model: a state dict of the default network in PyTorch (the class
// Model of the default recipe's report), or of a module that holds it
// (cnn.cnn_layers.0.weight … as a LightningModule has them), of any
// hidden_features and channels, in F32, F16, BF16 or F64; or any file that
// [joule.LoadModel] reads. It refuses tensors that are missing, of another shape
// or too many, and values that are not finite, with an [*Error] or
// [*checkpoint.Error].
//
// The file is of safetensors, or what torch.save wrote (.ckpt of PyTorch
// Lightning, .pt, .pth; before PyTorch 1.6 or since), which its contents tell.
// Of the latter nothing is executed: what a checkpoint holds beside the state
// dict may be of any class and is passed over. Such a file has 2 GiB at most,
// 16 MiB of them for objects that are not numbers.
//
// A file takes memory in proportion to its size; the network is within the
// limits of [nn.Spec]: sides to 4096, 2²⁶ weights a layer.
func Read(path string, opt Options) (*Result, error) {
	r, err := read(path, opt)
	if err != nil {
		return nil, inPath(path, err)
	}
	return r, nil
}

// inPath puts the path into a fault of a file.
func inPath(path string, err error) error {
	switch e := err.(type) {
	case *Error:
		e.Path = path
	case *checkpoint.Error:
		e.Path = path
	}
	return err
}

func read(path string, opt Options) (*Result, error) {
	if isTorch(path) {
		return readTorch(path, opt)
	}
	h, err := checkpoint.ReadHeader(path)
	if err != nil {
		return nil, err
	}
	if h.Metadata[metaSpec] != "" {
		return readSpec(path, h, opt)
	}
	f, err := checkpoint.Read(path)
	if err != nil {
		return nil, err
	}
	return understand(f, opt)
}

// readSpec reads a file that says what its network is.
func readSpec(path string, h *checkpoint.Header, opt Options) (*Result, error) {
	output, err := outputOf(h.Metadata, opt)
	if err != nil {
		return nil, err
	}
	m, err := joule.LoadModel(path)
	if err != nil {
		return nil, err
	}
	if _, height, width := m.Shape(); opt.Height != 0 && (opt.Height != height || opt.Width != width) {
		return nil, &Error{
			Fault: fmt.Sprintf("says that its images are of %d×%d pixels, not %d×%d", height, width, opt.Height, opt.Width),
			Hint:  "leave the size out",
		}
	}
	if err := checkFinite(m.Tensors()); err != nil {
		return nil, err
	}
	return &Result{Model: m, Output: output}, nil
}

// outputOf returns the convention that the metadata or else the options name.
func outputOf(meta map[string]string, opt Options) (joule.Convention, error) {
	if opt.Output != "" {
		if err := opt.Output.Validate(); err != nil {
			return "", fmt.Errorf("exchange: %w", err)
		}
	}
	output := joule.Convention(meta[metaOutput])
	switch {
	case output == "" && opt.Output == "":
		return "", &Error{
			Fault: "does not say what its network outputs",
			Hint:  "give the convention: energy if a low output means a likely image, f if a high one does, as in most published PyTorch code",
		}
	case output == "":
		return opt.Output, nil
	case output.Validate() != nil:
		return "", &Error{Fault: output.Validate().Error(), Hint: "Joule reads networks of one output, E or f = −E"}
	case opt.Output != "" && opt.Output != output:
		return "", &Error{
			Fault: fmt.Sprintf("says that its network outputs %s, not %s", output, opt.Output),
			Hint:  "leave the convention out",
		}
	}
	return output, nil
}
