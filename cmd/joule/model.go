package main

import (
	"errors"
	"fmt"
	"os"
	"strings"

	"github.com/joule-ml/joule"
	"github.com/joule-ml/joule/pretrained"
	"github.com/joule-ml/joule/run"
	"github.com/spf13/pflag"
)

// defaultRunDir is the folder of all runs if none is named.
const defaultRunDir = "runs"

// modelFlags say which model a command is about when its argument, MODEL or
// RUN, does not.
type modelFlags struct {
	model      string
	checkpoint string
	runDir     string
}

func (f *modelFlags) add(flags *pflag.FlagSet) {
	flags.StringVar(&f.model, "model", "", "the same as the argument: a model's file, a run, or a built-in model: "+strings.Join(pretrained.Names(), " or "))
	flags.StringVar(&f.checkpoint, "checkpoint", "", "take this checkpoint, not the run's model: last, best or a path")
	flags.StringVar(&f.runDir, "run-dir", defaultRunDir, "folder of all runs (JOULE_RUN_DIR)")
}

func (f *modelFlags) fromEnv(a *app, flags *pflag.FlagSet) error {
	return a.fromEnv(flags, map[string]string{"run-dir": envRunDir})
}

// A modelRef is a model that a command line means: a file, or one that is
// part of the program.
type modelRef struct {
	path    string
	builtIn string // the name of the latter, "" for a file
}

// load reads the model.
func (r modelRef) load() (*joule.Model, error) {
	if r.builtIn != "" {
		return pretrained.Load(r.builtIn)
	}
	return joule.LoadModel(r.path)
}

// String names the model for people.
func (r modelRef) String() string {
	if r.builtIn != "" {
		return "the built-in model " + r.builtIn
	}
	return printable(r.path)
}

// find returns the model that args and the flags mean: the newest run's if
// they name none, or the first built-in one where there is no run either.
func (f *modelFlags) find(a *app, args []string) (modelRef, error) {
	if f.model != "" {
		if len(args) > 0 {
			return modelRef{}, &usageError{fmt.Sprintf("both %s and --model %s name a model", args[0], f.model), "give one of them"}
		}
		args = []string{f.model}
	}
	switch f.checkpoint {
	case "", "last", "best":
		if len(args) > 0 {
			return f.named(args[0])
		}
		folder, err := run.Newest(f.runDir)
		if errors.Is(err, run.ErrNone) && f.runDir == defaultRunDir && f.checkpoint == "" {
			ref := modelRef{builtIn: pretrained.Names()[0]}
			a.screen.line("no run under %s yet: taking %s", f.runDir, ref)
			return ref, nil
		}
		if err != nil {
			return modelRef{}, err
		}
		path, err := run.FindModel(folder.Dir, f.checkpoint)
		return modelRef{path: path}, err
	}
	if len(args) > 0 {
		return modelRef{}, &usageError{fmt.Sprintf("both %s and --checkpoint %s name a model", args[0], f.checkpoint), "give one of them, or --checkpoint last or best"}
	}
	path, err := run.FindModel(f.checkpoint, "")
	return modelRef{path: path}, err
}

// named returns the model of a name: a file or a run where there is one.
func (f *modelFlags) named(name string) (modelRef, error) {
	if isBuiltIn(name) {
		if f.checkpoint != "" {
			return modelRef{}, &usageError{fmt.Sprintf("--checkpoint: the built-in model %s has none", name), "leave it out"}
		}
		return modelRef{builtIn: name}, nil
	}
	path, err := run.FindModel(name, f.checkpoint)
	if err != nil {
		return modelRef{}, noSuchRun(name, f.runDir, builtInWords(), err)
	}
	return modelRef{path: path}, nil
}

// isBuiltIn tells whether a name is that of a built-in model, and of no file or
// folder.
func isBuiltIn(name string) bool {
	if _, ok := pretrained.Find(name); !ok {
		return false
	}
	_, err := os.Stat(name)
	return err != nil
}

// builtInWords lists what built-in models are called: their names and those of
// their recipes.
func builtInWords() []string {
	words := pretrained.Names()
	for _, m := range pretrained.Models() {
		words = append(words, m.Recipe)
	}
	return words
}
