package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/joule-ml/joule"
	"github.com/joule-ml/joule/exchange"
	"github.com/spf13/cobra"
)

type exportFlags struct {
	model      modelFlags
	format     string
	convention string
	license    string
	out        string
}

// The formats of joule export.
const (
	formatSafetensors = "safetensors"
	formatONNX        = "onnx"
	formatHF          = "hf"
)

func (a *app) exportCommand() *cobra.Command {
	var f exportFlags
	cmd := &cobra.Command{
		Use:   "export [MODEL|RUN] -o PATH",
		Short: "Write a model for PyTorch, ONNX or the Hugging Face Hub",
		Long: `Write a model in a form that other programs read.

  safetensors  the weights as a state dict of PyTorch, named cnn_layers.0.weight …
  onnx         a graph from image, float32 [N, C, H, W], to energy [N] or f [N]
  hf           a folder for the Hugging Face Hub: the weights, config.json and a
               model card that says how it was trained and how to use it

The format is that of the file's ending, .safetensors or .onnx, unless --format
names one. joule sample reads what safetensors and hf write.

Joule's networks output the energy E, which is low for likely images. Under
--convention f the network outputs f = −E, as the class Model in PyTorch does
whose recipe Joule follows: the last layer is negated, nothing is rounded. The
file's metadata say which it is.

MODEL is a .safetensors file that joule train made, a model or a checkpoint.
RUN is a run's folder, or the folder of several, of which the newest is taken.
Without either, it is the newest run under --run-dir, and the built-in model of
MNIST where there is none yet.`,
		Example: `  joule export -o digits.onnx
  joule export runs/mnist/version_0 --convention f -o digits.safetensors
  joule export --checkpoint best --format hf --license mit -o digits`,
		Args: atMost(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := f.model.fromEnv(a, cmd.Flags()); err != nil {
				return err
			}
			return a.export(&f, args)
		},
	}
	flags := cmd.Flags()
	flags.SortFlags = false
	flags.StringVar(&f.format, "format", "", "safetensors, onnx or hf")
	flags.StringVar(&f.convention, "convention", string(joule.OutputEnergy), "what the network is to output: energy, or f = −E")
	flags.StringVarP(&f.out, "output", "o", "", "file to write, or folder for hf")
	flags.StringVar(&f.license, "license", exchange.DefaultFolderOptions().License, "licence of the weights in hf's model card, such as mit or cc-by-4.0")
	f.model.add(flags)
	return cmd
}

// check finds the format and refuses what cannot be.
func (f *exportFlags) check() error {
	if f.out == "" {
		return &usageError{"-o: no file or folder to write", "name one, such as -o model.onnx"}
	}
	if err := checkConvention(f.convention); err != nil {
		return err
	}
	if f.format == "" {
		f.format = strings.TrimPrefix(strings.ToLower(filepath.Ext(f.out)), ".")
		if f.format != formatSafetensors && f.format != formatONNX {
			return &usageError{fmt.Sprintf("-o: %s ends in neither .safetensors nor .onnx", f.out), "give --format safetensors, onnx or hf"}
		}
	}
	switch f.format {
	case formatSafetensors, formatONNX:
		if f.license != exchange.DefaultFolderOptions().License {
			return &usageError{"--license is for --format hf", "leave it out"}
		}
		return writable(f.out)
	case formatHF:
		return writableFolder(f.out)
	}
	return &usageError{fmt.Sprintf("--format: %q is unknown", f.format), "give safetensors, onnx or hf"}
}

// checkName checks how the name of the file or folder ends.
func (f *exportFlags) checkName() error {
	if f.format == formatHF {
		return checkEnding("-o", f.out, "a folder", "name a folder")
	}
	return checkEnding("-o", f.out, f.format, "let the name end in ."+f.format+", or leave out --format", "."+f.format)
}

func checkConvention(text string) error {
	if joule.Convention(text).Validate() != nil {
		return &usageError{fmt.Sprintf("--convention: %q is unknown", text), "give energy for E, or f for f = −E"}
	}
	return nil
}

func isFolder(path string) bool {
	st, err := os.Stat(path)
	return err == nil && st.IsDir()
}

func (a *app) export(f *exportFlags, args []string) error {
	if err := f.check(); err != nil {
		return err
	}
	ref, err := f.model.find(a, args)
	if err != nil {
		return err
	}
	outputs := []output{{flag: "-o", path: f.out}}
	if f.format == formatHF {
		outputs = nil
		for _, name := range exchange.FolderFiles() {
			outputs = append(outputs, output{flag: "-o", path: filepath.Join(f.out, name)})
		}
	}
	if err := allApart(outputs, "the model itself", ref.path); err != nil {
		return err
	}
	if err := f.checkName(); err != nil {
		return err
	}
	m, err := ref.load()
	if err != nil {
		return err
	}
	convention := joule.Convention(f.convention)
	switch f.format {
	case formatSafetensors:
		err = exchange.WriteSafetensors(f.out, m, convention)
	case formatONNX:
		err = exchange.WriteONNX(f.out, m, convention)
	case formatHF:
		err = exchange.WriteFolder(f.out, m, convention, exchange.FolderOptions{License: f.license})
	}
	if err != nil {
		return err
	}
	output := "E"
	if convention == joule.OutputF {
		output = "f = −E"
	}
	a.screen.line("wrote %s from %s; the network outputs %s", f.out, ref, output)
	return nil
}
