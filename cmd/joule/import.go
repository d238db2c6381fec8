package main

import (
	"context"
	"fmt"
	"strings"

	"github.com/joule-ml/joule"
	"github.com/joule-ml/joule/dataset"
	"github.com/joule-ml/joule/exchange"
	"github.com/spf13/cobra"
)

type importFlags struct {
	convention string
	size       string
	key        string
	out        string
	offline    bool
}

func (a *app) importCommand() *cobra.Command {
	var f importFlags
	cmd := &cobra.Command{
		Use:   "import FILE|uvadlc [FILE|URL] -o MODEL",
		Short: "Make a model of PyTorch's weights, or of a published model",
		Long: `Make a model that joule sample takes of weights that PyTorch trained.

FILE has the weights of the network that Joule trains (cnn_layers.0.weight …), or
of a module that holds it: a checkpoint of PyTorch Lightning (.ckpt), a state
dict that torch.save wrote (.pt, .pth), or one as safetensors:

  from safetensors.torch import save_file
  save_file(model.state_dict(), "weights.safetensors")

Its contents tell which it is. The state dict may be within other dicts, as
state_dict, model or under any other key, and the network within a module
(model.cnn_layers.0.weight …) or a Sequential by itself (0.weight …). Where a
file has several networks, such as the weights and their average, --key chooses:
the keys and the module that lead to it (--key state_dict_ema). Nothing in the
file is executed, and what it holds beside the network, such as metrics and
buffers, is passed over and named, so that a checkpoint of unknown origin does
no harm; further layers are refused. Files of torch.save may have 2 GiB.

hidden_features and the images' channels follow from the weights. The images'
size does only nearly: that in the hyper-parameters of a checkpoint is taken if
it fits (img_shape), or the usual one that does, 28x28 for MNIST, unless --size
names it.

What the network outputs does not follow from the weights: --convention energy
says E, low for likely images, --convention f says f = −E, high for them, as in
the PyTorch code whose recipe Joule follows. One of them is needed unless the
file's metadata have it as "output", as those of joule export do.

uvadlc is the model that comes with that code, trained for 60 epochs on MNIST,
by Phillip Lippe (MIT licence). It is fetched into the user's cache, or read from
a FILE or from an https URL that has it. It is verified by its SHA-256, its sign
is known, and the model's file tells where it is from. To name a FILE called
uvadlc, write ./uvadlc.`,
		Example: `  joule import weights.safetensors --convention f -o model.safetensors
  joule import epoch=59.ckpt --convention f -o model.safetensors
  joule import both.pt --key ema --convention f -o average.safetensors
  joule import colour.pth --convention energy --size 32x48 -o colour-model.safetensors
  joule import uvadlc -o uvadlc.safetensors
  joule import uvadlc MNIST.ckpt -o uvadlc.safetensors`,
		Args: func(cmd *cobra.Command, args []string) error {
			if len(args) == 0 {
				return &usageError{"no FILE to import", "see " + cmd.CommandPath() + " --help"}
			}
			if _, ok := a.published(args[0]); ok {
				return atMost(2)(cmd, args)
			}
			return atMost(1)(cmd, args)
		},
		ValidArgsFunction: func(_ *cobra.Command, args []string, _ string) ([]string, cobra.ShellCompDirective) {
			if len(args) > 0 {
				return nil, cobra.ShellCompDirectiveDefault
			}
			return exchange.PublishedNames(), cobra.ShellCompDirectiveDefault
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := a.fromEnv(cmd.Flags(), map[string]string{"offline": envOffline}); err != nil {
				return err
			}
			return a.importModel(cmd.Context(), &f, args)
		},
	}
	flags := cmd.Flags()
	flags.SortFlags = false
	flags.StringVar(&f.convention, "convention", "", "what the network outputs: energy, or f = −E")
	flags.StringVar(&f.size, "size", "", "WIDTHxHEIGHT of the images, such as 28x28")
	flags.StringVar(&f.key, "key", "", "which network of a file that has several, such as ema or state_dict.generator")
	flags.StringVarP(&f.out, "output", "o", "", "model to write, a .safetensors file")
	flags.BoolVar(&f.offline, "offline", false, "never use the network (JOULE_OFFLINE)")
	return cmd
}

func (a *app) importModel(ctx context.Context, f *importFlags, args []string) error {
	opt, err := f.options()
	if err != nil {
		return err
	}
	path, read := args[0], exchange.Read
	if p, ok := a.published(args[0]); ok {
		if path, err = a.publishedFile(ctx, p, f, args[1:]); err != nil {
			return err
		}
		read = p.Read
	}
	if err := (output{flag: "-o", path: f.out}).apart("the file to import", path); err != nil {
		return err
	}
	if err := checkEnding("-o", f.out, "a model", "let the name end in .safetensors; joule export writes other formats", ".safetensors"); err != nil {
		return err
	}
	r, err := read(path, opt)
	if err != nil {
		return err
	}
	if err := r.Model.Save(f.out); err != nil {
		return err
	}
	if o := r.Model.Origin(); o != nil {
		a.screen.line("%s: %s; %s, licence %s", o.Name, o.Title, o.Notice, o.License)
	}
	c, h, w := r.Model.Shape()
	note := ""
	if r.SizeGuessed {
		note = ", the usual size that fits (--size)"
	}
	a.screen.line("%s parameters on images of %s%s", thousands(int64(r.Model.Parameters())), shapeText([3]int{c, h, w}), note)
	if len(r.Beside) > 0 {
		a.screen.line("passed over beside the network: %s", someNames(r.Beside))
	}
	if r.Output == joule.OutputF {
		a.screen.line("the network output f = −E: its last layer is negated")
	}
	a.screen.line("wrote %s", f.out)
	return nil
}

// someNames lists the first names of a file and counts the others.
func someNames(names []string) string {
	const most = 10
	var list []string
	for _, name := range names[:min(len(names), most)] {
		list = append(list, printable(name[:min(len(name), 100)]))
	}
	if len(names) > most {
		list = append(list, fmt.Sprintf("and %d more", len(names)-most))
	}
	return strings.Join(list, ", ")
}

// completeKey offers the networks of the file that is named.
func completeKey(_ *cobra.Command, args []string, _ string) ([]string, cobra.ShellCompDirective) {
	if len(args) == 0 {
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
	keys, _ := exchange.Keys(args[len(args)-1]) // of a file that cannot be read there are none
	return keys, cobra.ShellCompDirectiveNoFileComp
}

// publishedFile returns the file of a published model: the one that is named,
// or one in the cache, fetched if it has to be.
func (a *app) publishedFile(ctx context.Context, p exchange.Published, f *importFlags, from []string) (string, error) {
	opt := exchange.FetchOptions{Offline: f.offline, Client: a.client}
	source := p.Source
	if len(from) > 0 {
		if !strings.Contains(from[0], "://") {
			return from[0], nil
		}
		source, opt.Source = from[0], from[0]
	}
	var fetched bool
	show := a.fetching(&fetched)
	opt.Progress = func(done, total int64) {
		show(dataset.Event{File: p.File, Source: source, Done: done, Total: total})
	}
	path, err := p.Fetch(ctx, opt)
	a.screen.clear()
	return path, err
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
	opt.Key = f.key
	if f.size != "" {
		w, h, err := parseSize(f.size, maxImageSide)
		if err != nil {
			return opt, &usageError{fmt.Sprintf("--size: %q: %v", f.size, err), "write them as in 28x28"}
		}
		opt.Height, opt.Width = h, w
	}
	return opt, writable(f.out)
}
