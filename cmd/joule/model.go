package main

import (
	"fmt"

	"github.com/joule-ml/joule"
	"github.com/spf13/pflag"
)

// modelFlags say which model a command is about when its argument, MODEL or
// RUN, does not.
type modelFlags struct {
	checkpoint string
	runDir     string
}

func (f *modelFlags) add(flags *pflag.FlagSet) {
	flags.StringVar(&f.checkpoint, "checkpoint", "", "take this checkpoint, not the run's model: last, best or a path")
	flags.StringVar(&f.runDir, "run-dir", "runs", "folder of all runs (JOULE_RUN_DIR)")
}

func (f *modelFlags) fromEnv(a *app, flags *pflag.FlagSet) error {
	return a.fromEnv(flags, map[string]string{"run-dir": envRunDir})
}

// path returns the file of the model that args and the flags mean: the newest
// run's, if they name none.
func (f *modelFlags) path(args []string) (string, error) {
	switch f.checkpoint {
	case "", "last", "best":
		if len(args) > 0 {
			return joule.FindModel(args[0], f.checkpoint)
		}
		run, err := joule.NewestRun(f.runDir)
		if err != nil {
			return "", err
		}
		return joule.FindModel(run.Dir, f.checkpoint)
	}
	if len(args) > 0 {
		return "", &usageError{fmt.Sprintf("both %s and --checkpoint %s name a model", args[0], f.checkpoint), "give one of them, or --checkpoint last or best"}
	}
	return joule.FindModel(f.checkpoint, "")
}
