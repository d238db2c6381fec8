package main

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/joule-ml/joule"
	"github.com/joule-ml/joule/exchange"
	"github.com/spf13/cobra"
)

type importFlags struct {
	convention string
	size       string
	out        string
}

func (a *app) importCommand() *cobra.Command {
	var f importFlags
	cmd := &cobra.Command{
		Use:   "import FILE -o MODEL",
		Short: "Make a model of PyTorch's weights",
		Long: `Make a model that joule sample takes of weights that PyTorch trained.

FILE is a state dict of the network that Joule trains (cnn_layers.0.weight …), or
of a module that holds it, as safetensors. In Python:

  from safetensors.torch import save_file
  save_file(model.state_dict(), "weights.safetensors")

hidden_features and the images' channels follow from the weights. The images'
size does only nearly: the usual one that fits is taken, 28x28 for MNIST, unless
--size names it.

What the network outputs does not follow from the weights: --convention energy
says E, low for likely images, --convention f says f = −E, high for them, as in
the PyTorch code whose recipe Joule follows. One of them is needed unless the
file's metadata have it as "output", as those of joule export do.`,
		Example: `  joule import weights.safetensors --convention f -o model.safetensors
  joule import colour.safetensors --convention energy --size 32x48 -o colour-model.safetensors`,
		Args: func(cmd *cobra.Command, args []string) error {
			if len(args) == 0 {
				return &usageError{"no FILE to import", "see " + cmd.CommandPath() + " --help"}
			}
			return atMost(1)(cmd, args)
		},
		RunE: func(cmd *cobra.Command, args []string) error { return a.importModel(&f, args[0]) },
	}
	flags := cmd.Flags()
	flags.SortFlags = false
	flags.StringVar(&f.convention, "convention", "", "what the network outputs: energy, or f = −E")
	flags.StringVar(&f.size, "size", "", "height and width of the images, as in 28x28")
	flags.StringVarP(&f.out, "output", "o", "", "model to write, a .safetensors file")
	return cmd
}

func (a *app) importModel(f *importFlags, path string) error {
	opt, err := f.options()
	if err != nil {
		return err
	}
	if sameFile(path, f.out) {
		return &usageError{fmt.Sprintf("-o: %s is the file to import", f.out), "name another file"}
	}
	r, err := exchange.Read(path, opt)
	if err != nil {
		return err
	}
	if err := r.Model.Save(f.out); err != nil {
		return err
	}
	c, h, w := r.Model.Shape()
	note := ""
	if r.SizeGuessed {
		note = ", the usual size that fits (--size)"
	}
	a.screen.line("%s parameters on images of %s%s", thousands(int64(r.Model.Parameters())), shapeText([3]int{c, h, w}), note)
	if r.Output == joule.OutputF {
		a.screen.line("the network output f = −E: its last layer is negated")
	}
	a.screen.line("wrote %s", f.out)
	return nil
}

// maxImageSide is that of nn.
const maxImageSide = 4096

// options reads the flags.
func (f *importFlags) options() (opt exchange.Options, err error) {
	if f.out == "" {
		return opt, &usageError{"-o: no model to write", "name one, such as -o model.safetensors"}
	}
	if f.convention != "" {
		if err := checkConvention(f.convention); err != nil {
			return opt, err
		}
		opt.Output = joule.Convention(f.convention)
	}
	if f.size != "" {
		height, width, _ := strings.Cut(strings.ToLower(f.size), "x")
		h, errH := strconv.Atoi(height)
		w, errW := strconv.Atoi(width)
		if errH != nil || errW != nil || min(h, w) < 1 || max(h, w) > maxImageSide {
			return opt, &usageError{
				fmt.Sprintf("--size: %q is no height and width from 1 to %d", f.size, maxImageSide),
				"write them as in 28x28",
			}
		}
		opt.Height, opt.Width = h, w
	}
	return opt, writable(f.out)
}
