package main

import (
	"cmp"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/joule-ml/joule"
	"github.com/joule-ml/joule/run"
	"github.com/joule-ml/joule/setting"
	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

// flagsElsewhere are flags of ours by the names that PyTorch Lightning, Hugging
// Face and the usual scripts give them. The first that a command has is meant.
// Names of settings are in package setting.
var flagsElsewhere = []struct{ words, ours string }{
	{"output out outdir out-dir output-dir output-file save-dir save-path o", "output run-dir dir"},
	{"log-dir logdir default-root-dir root-dir checkpoint-dir runs", "run-dir output"},
	{"workers num-workers num-threads n-jobs jobs j cpus cores", "threads"},
	{"num num-samples n-samples samples num-images images n batch-size", "count chains"},
	{"ckpt ckpt-path checkpoint checkpoint-path resume-from resume-from-checkpoint load continue", "resume checkpoint"},
	{"weights model-path pretrained", "model checkpoint"},
	{"dataset dataset-name data-path data-root root train-data train-dir input", "data data-dir"},
	{"image-size img-size resolution", "size"},
	{"run-name experiment exp-name", "name"},
	{"cfg config-file yaml", "config"},
	{"force y", "yes"},
	{"local no-download local-files-only", "offline"},
	{"timeout time-limit max-minutes", "max-time"},
	{"hparams param override", "set"},
}

// commandsElsewhere are commands of ours by the names that others give them.
var commandsElsewhere = map[string]string{
	"fit": "train", "learn": "train", "resume": "train", "generate": "sample", "draw": "sample", "predict": "score", "energy": "score",
	"evaluate": "eval", "test": "eval", "judge": "eval", "convert": "export", "save": "export", "load": "import", "benchmark": "bench",
	"dataset": "data", "datasets": "data", "download": "fetch", "ls": "list", "remove": "rm", "delete": "rm", "del": "rm",
	"diff": "compare", "info": "show", "check": "verify", "validate": "verify",
}

// nearCommand returns the command under cmd that a word may mean, or "".
func nearCommand(cmd *cobra.Command, word string) string {
	cmd.SuggestionsMinimumDistance = 2
	near := cmd.SuggestionsFor(word) // which takes the beginnings of names, too
	var names []string
	for _, sub := range cmd.Commands() {
		if sub.IsAvailableCommand() {
			names = append(names, sub.Name())
		}
	}
	known := commandsElsewhere[strings.ToLower(word)]
	switch nearest := setting.Nearest(word, names); {
	case slices.Contains(names, known):
		return cmd.CommandPath() + " " + known
	case nearest != "":
		return cmd.CommandPath() + " " + nearest
	case len(near) > 0:
		return cmd.CommandPath() + " " + near[0]
	}
	return ""
}

// accelerators are flags that ask for what is not used.
const accelerators = " gpu gpus num-gpus cuda device devices accelerator "

// printers are the commands whose outcome is what they print.
const printers = " score show list verify bench completion version compare "

// flagError says what flag was meant.
func flagError(cmd *cobra.Command, err error) error {
	hint := "see " + cmd.CommandPath() + " --help"
	var unknown *pflag.NotExistError
	var invalid *pflag.InvalidValueError
	switch {
	case errors.As(err, &unknown):
		name := unknown.GetSpecifiedName()
		if letters := unknown.GetSpecifiedShortnames(); letters != "" {
			name = letters // all of -epochs, which Go's programs take for --epochs
		}
		if near := nearFlag(cmd, name); near != "" {
			hint = near
		}
	case errors.As(err, &invalid):
		f := invalid.GetFlag()
		return &usageError{fmt.Sprintf("--%s: %s", f.Name, valueFault(f, invalid.GetValue(), errors.Unwrap(err))), "it means: " + f.Usage}
	}
	return &usageError{err.Error(), hint}
}

// valueFault says what is wrong with the value of a flag. The errors of numbers are
// those of package strconv, which name its functions.
func valueFault(f *pflag.Flag, value string, err error) string {
	var number *strconv.NumError
	switch kind := f.Value.Type(); {
	case !errors.As(err, &number):
		return fmt.Sprintf("%q is not valid: %v", value, err)
	case errors.Is(err, strconv.ErrRange):
		return fmt.Sprintf("%q is out of range", value)
	case kind == "bool":
		return fmt.Sprintf("%q is neither true nor false", value)
	case strings.HasPrefix(kind, "uint"):
		return fmt.Sprintf("%q is not a whole number from 0", value)
	case strings.HasPrefix(kind, "int"):
		return fmt.Sprintf("%q is not a whole number", value)
	}
	return fmt.Sprintf("%q is not a number", value)
}

// nearFlag says what a flag that cmd does not have may mean, or "".
func nearFlag(cmd *cobra.Command, name string) string {
	name = strings.ReplaceAll(strings.ToLower(name), "_", "-")
	var names []string
	cmd.Flags().VisitAll(func(f *pflag.Flag) {
		if !f.Hidden {
			names = append(names, f.Name)
		}
	})
	switch {
	case name == "v" || name == "version":
		return "joule version prints the version"
	case cmd.Flags().Lookup(name) != nil:
		return fmt.Sprintf("did you mean --%s?", name)
	case strings.Contains(" o out output output-file ", " "+name+" ") && strings.Contains(printers, " "+cmd.Name()+" ") && cmd.Flags().Lookup("output") == nil:
		return "it goes to standard output: add > FILE"
	case strings.Contains(accelerators, " "+name+" ") && cmd.Flags().Lookup("threads") != nil:
		return "everything is computed on the processor: --threads says on how many cores"
	}
	for _, e := range flagsElsewhere {
		if !strings.Contains(" "+e.words+" ", " "+name+" ") {
			continue
		}
		for ours := range strings.FieldsSeq(e.ours) {
			if cmd.Flags().Lookup(ours) != nil {
				return fmt.Sprintf("did you mean --%s?", ours)
			}
		}
	}
	if cmd.Flags().Lookup("set") != nil {
		if hint := nearSetting(cmd, name); hint != "" {
			return hint
		}
	}
	if near := setting.Nearest(name, names); near != "" {
		return fmt.Sprintf("did you mean --%s?", near)
	}
	if other := commandWith(cmd.Root(), name); other != nil {
		return fmt.Sprintf("--%s is a flag of %s", name, other.CommandPath())
	}
	return ""
}

// nearSetting names the setting that a flag would be, by its name or one that
// others give it, and the flag for it if there is one.
func nearSetting(cmd *cobra.Command, name string) string {
	c := joule.DefaultConfig()
	s, ok := c.Settings().Meant(strings.ReplaceAll(name, "-", "_"))
	if !ok {
		return ""
	}
	hint := fmt.Sprintf("did you mean --set %s=%s?", s.Key, s)
	cmd.Flags().VisitAll(func(f *pflag.Flag) {
		if own, ok := f.Value.(*settingFlag); ok && own.key == s.Key {
			hint = fmt.Sprintf("did you mean --%s?", f.Name)
		}
	})
	return hint
}

// commandWith returns the first command that has a flag.
func commandWith(cmd *cobra.Command, flag string) *cobra.Command {
	if f := cmd.LocalFlags().Lookup(flag); f != nil && !f.Hidden {
		return cmd
	}
	var shared *cobra.Command
	for _, sub := range cmd.Commands() {
		found := commandWith(sub, flag)
		if found != nil && sub.Name() != "sweep" { // which has some of joule train's
			return found
		}
		shared = cmp.Or(shared, found)
	}
	return shared
}

// noSuchRun adds to the error about a run that is not there which one, or which
// other name, may be meant.
func noSuchRun(name, runDir string, others []string, err error) error {
	var e *run.Error
	if _, missing := os.Stat(name); missing == nil || !errors.As(err, &e) {
		return err
	}
	mended := *e
	folders := foldersIn(runDir)
	if near := setting.Nearest(name, append(others, folders...)); near != "" && near != name {
		if slices.Contains(folders, near) {
			near = filepath.Join(runDir, near)
		}
		mended.Hint = fmt.Sprintf("did you mean %q?", near)
	}
	return &mended
}

// foldersIn lists what runs are called, without looking into them.
func foldersIn(dir string) (names []string) {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil
	}
	for _, e := range entries[:min(len(entries), maxCompletions)] {
		if e.IsDir() {
			names = append(names, e.Name())
		}
	}
	return names
}

// helpCommand is joule help COMMAND.
func helpCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "help [COMMAND]",
		Short: "Print what a command does",
		ValidArgsFunction: func(cmd *cobra.Command, args []string, word string) (words []string, how cobra.ShellCompDirective) {
			if target, _, err := cmd.Root().Find(args); err == nil {
				for _, sub := range target.Commands() {
					if sub.IsAvailableCommand() && strings.HasPrefix(sub.Name(), word) {
						words = append(words, sub.Name()+"\t"+sub.Short)
					}
				}
			}
			return words, cobra.ShellCompDirectiveNoFileComp
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			target, rest, err := cmd.Root().Find(args)
			if err != nil || len(rest) > 0 {
				return unknownCommand(target, rest[0])
			}
			return target.Help()
		},
	}
}
