package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/joule-ml/joule"
	"github.com/joule-ml/joule/dataset"
	"github.com/joule-ml/joule/internal/regular"
	"github.com/joule-ml/joule/setting"
	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

// The environment variables beside those of the configuration's keys. Flags
// of the same name win over them. JOULE_KERNEL is read where kernels are
// chosen.
const (
	envConfig  = "JOULE_CONFIG"
	envDataDir = "JOULE_DATA_DIR"
	envKernel  = "JOULE_KERNEL"
	envName    = "JOULE_NAME"
	envOffline = "JOULE_OFFLINE"
	envRecipe  = "JOULE_RECIPE"
	envRunDir  = "JOULE_RUN_DIR"
	envThreads = "JOULE_THREADS"
)

func otherEnv() []string {
	return []string{envConfig, envDataDir, envKernel, envName, envOffline, envRecipe, envRunDir, envThreads}
}

// fromEnv gives a flag the value of an environment variable, unless the
// command line has it.
func (a *app) fromEnv(flags *pflag.FlagSet, names map[string]string) error {
	for flag, name := range names {
		f := flags.Lookup(flag)
		value := a.env(name)
		if f == nil || f.Changed || value == "" {
			continue
		}
		if err := f.Value.Set(value); err != nil {
			return &usageError{fmt.Sprintf("%s: %s", name, valueFault(f, value, err)), "correct it or unset it"}
		}
	}
	return nil
}

// dataFlags are the flags on where data comes from.
type dataFlags struct {
	dir     string
	offline bool
}

func (f *dataFlags) add(flags *pflag.FlagSet) {
	flags.StringVar(&f.dir, "data-dir", "", "look here first for MNIST's files, in torchvision's layout or not (JOULE_DATA_DIR)")
	flags.BoolVar(&f.offline, "offline", false, "never use the network (JOULE_OFFLINE)")
}

func (f *dataFlags) fromEnv(a *app, flags *pflag.FlagSet) error {
	return a.fromEnv(flags, map[string]string{"data-dir": envDataDir, "offline": envOffline})
}

func (f *dataFlags) options(progress func(dataset.Event)) dataset.Options {
	return dataset.Options{Dir: f.dir, Offline: f.offline, Progress: progress}
}

// An override is a setting from the command line, kept as text until the
// settings below it are known.
type override struct {
	flag       string // as the user wrote it, for errors
	assignment string // key=value
}

// A settingFlag is a flag for one key of the configuration. Flags and --set
// apply in the order in which they were given.
type settingFlag struct {
	flag, key, kind string
	list            *[]override
}

func (f *settingFlag) Set(value string) error {
	*f.list = append(*f.list, override{"--" + f.flag, f.key + "=" + value})
	return nil
}

func (f *settingFlag) String() string { return "" }
func (f *settingFlag) Type() string   { return f.kind }

// A setFlag is --set key=value.
type setFlag struct{ list *[]override }

func (f *setFlag) Set(assignment string) error {
	*f.list = append(*f.list, override{"--set", assignment})
	return nil
}

func (f *setFlag) String() string { return "" }
func (f *setFlag) Type() string   { return "key=value" }

// A timeFlag is --max-time 90m.
type timeFlag struct{ list *[]override }

func (f *timeFlag) Set(text string) error {
	d, err := time.ParseDuration(text)
	if err != nil || d < 0 {
		return errors.New("want a time such as 90m, 1h30m or 45s")
	}
	*f.list = append(*f.list, override{"--max-time", "max_minutes=" + strconv.FormatFloat(d.Minutes(), 'g', -1, 64)})
	return nil
}

func (f *timeFlag) String() string { return "" }
func (f *timeFlag) Type() string   { return "duration" }

// settings builds the configuration: base, then the file, then the
// environment, then the flags.
func (a *app) settings(ctx context.Context, base joule.Config, file string, overrides []override) (joule.Config, error) {
	cfg := base
	if file != "" {
		data, err := readConfig(ctx, file)
		if err != nil {
			return cfg, err
		}
		if cfg, err = joule.ParseConfig(file, data, cfg); err != nil {
			return cfg, err
		}
	}
	if err := cfg.SetEnv(a.environ, otherEnv()...); err != nil {
		return cfg, err
	}
	for _, o := range overrides {
		if err := cfg.Set(o.assignment); err != nil {
			var e *setting.Error
			if errors.As(err, &e) {
				e.Place = o.flag
			}
			return cfg, err
		}
	}
	return cfg, cfg.Validate()
}

// maxConfig is more than ParseConfig accepts, which says so.
const maxConfig = 1 << 20

// readConfig reads a configuration, also from a pipe or, where path is -, from
// standard input.
func readConfig(ctx context.Context, path string) ([]byte, error) {
	return readSettings(ctx, "the configuration", path, "joule train --print-config > joule.yaml writes one to start from")
}

// readSettings reads a file of settings, or - from standard input; what and hint say
// in an error what the file is and where to get one.
func readSettings(ctx context.Context, what, path, hint string) ([]byte, error) {
	data, err := regular.ReadStream(ctx, path, os.Stdin, maxConfig)
	var kind *regular.Error
	switch {
	case err == nil:
		return data, nil
	case ctx.Err() != nil:
		return nil, ctx.Err()
	case errors.As(err, &kind):
		return nil, &usageError{what + " " + path + " is " + kind.Error(), "give a YAML file, or - for standard input"}
	}
	var p *os.PathError
	if errors.As(err, &p) {
		err = p.Err
	}
	return nil, &usageError{what + " " + path + " cannot be read: " + err.Error(), hint}
}

// quote writes a word so that a shell reads it back as one.
func quote(word string) string {
	safe := func(r rune) bool {
		return r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || strings.ContainsRune("-_./=:,+@%", r)
	}
	if word != "" && strings.IndexFunc(word, func(r rune) bool { return !safe(r) }) < 0 {
		return word
	}
	if os.PathSeparator == '\\' { // cmd.exe and PowerShell
		if strings.IndexFunc(word, func(r rune) bool { return !safe(r) && r != '\\' }) < 0 && word != "" {
			return word
		}
		return `"` + word + `"`
	}
	if visible := printable(word); visible != word {
		// Bash, zsh and ksh read these back.
		word = strings.ReplaceAll(strings.ReplaceAll(word, `\`, `\\`), "'", `\'`)
		return "$'" + printable(word) + "'"
	}
	return "'" + strings.ReplaceAll(word, "'", `'\''`) + "'"
}

// commandName returns what the user typed to start this program.
func commandName() string {
	name := os.Args[0]
	if strings.Contains(name, "go-build") { // go run's temporary binary, gone when it ends
		if _, err := os.Stat("cmd/joule/main.go"); err == nil {
			return "go run ./cmd/joule"
		}
		return "joule"
	}
	return quote(name)
}

// addSetting adds a flag for a key of the configuration.
func addSetting(cmd *cobra.Command, list *[]override, flag, key, kind, usage string) {
	cmd.Flags().Var(&settingFlag{flag, key, kind, list}, flag, usage)
}
