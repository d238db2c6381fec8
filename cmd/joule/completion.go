package main

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/joule-ml/joule"
	"github.com/joule-ml/joule/dataset"
	"github.com/joule-ml/joule/pretrained"
	"github.com/joule-ml/joule/recipe"
	"github.com/joule-ml/joule/sweep"
	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

func (a *app) completionCommand() *cobra.Command {
	shells := []string{"bash", "zsh", "fish", "powershell"}
	return &cobra.Command{
		Use:   "completion bash|zsh|fish|powershell",
		Short: "Print a script that lets the shell complete commands",
		Long: `Print a script that lets the Tab key complete commands, flags, data sets,
recipes, settings after --set, and runs.

bash, with its package bash-completion, for every new shell:
  joule completion bash > ~/.local/share/bash-completion/completions/joule

zsh, into a folder of $fpath, before compinit is called:
  joule completion zsh > "${fpath[1]}/_joule"

fish:
  joule completion fish > ~/.config/fish/completions/joule.fish

PowerShell, in the file $PROFILE:
  joule completion powershell | Out-String | Invoke-Expression`,
		Example: `  source <(joule completion bash)          # for this shell
  joule completion fish | source`,
		ValidArgs: shells,
		Args: func(cmd *cobra.Command, args []string) error {
			if len(args) == 0 {
				return &usageError{"no shell is named", "choose one of " + strings.Join(shells, ", ")}
			}
			if !slices.Contains(shells, args[0]) {
				return &usageError{fmt.Sprintf("no completion for the shell %q", args[0]), "choose one of " + strings.Join(shells, ", ")}
			}
			return atMost(1)(cmd, args)
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			root := cmd.Root()
			switch args[0] {
			case "bash":
				return root.GenBashCompletionV2(a.stdout, true)
			case "zsh":
				return root.GenZshCompletion(a.stdout)
			case "fish":
				return root.GenFishCompletion(a.stdout, true)
			}
			return root.GenPowerShellCompletionWithDesc(a.stdout)
		},
	}
}

// addCompletions lets the shell complete the values of all commands' flags
// and arguments, by the names that these have throughout.
func (a *app) addCompletions(cmd *cobra.Command) {
	for _, flags := range []*pflag.FlagSet{cmd.Flags(), cmd.PersistentFlags()} {
		flags.VisitAll(func(f *pflag.Flag) {
			if complete := a.flagCompletion(f); complete != nil {
				// It fails for a flag that has one already.
				_ = cmd.RegisterFlagCompletionFunc(f.Name, matching(complete))
			}
		})
	}
	if cmd.ValidArgsFunction == nil && len(cmd.ValidArgs) == 0 {
		if complete := a.argCompletion(cmd); complete != nil {
			cmd.ValidArgsFunction = matching(complete)
		}
	}
	for _, sub := range cmd.Commands() {
		a.addCompletions(sub)
	}
}

// matching leaves out the words that do not begin with what is there already.
func matching(complete cobra.CompletionFunc) cobra.CompletionFunc {
	return func(cmd *cobra.Command, args []string, word string) ([]string, cobra.ShellCompDirective) {
		words, how := complete(cmd, args, word)
		if how&cobra.ShellCompDirectiveFilterFileExt == 0 { // whose words are extensions
			words = slices.DeleteFunc(slices.Clone(words), func(w string) bool { return !strings.HasPrefix(w, word) })
		}
		return words, how
	}
}

// flagCompletion returns what completes the value of a flag; nil leaves it to
// the shell, which offers files.
func (a *app) flagCompletion(f *pflag.Flag) cobra.CompletionFunc {
	switch f.Name {
	case "data": // or a folder of images
		return func(*cobra.Command, []string, string) ([]string, cobra.ShellCompDirective) {
			return dataset.Names(), cobra.ShellCompDirectiveDefault
		}
	case "recipe":
		return func(*cobra.Command, []string, string) ([]string, cobra.ShellCompDirective) {
			return recipeNames(), cobra.ShellCompDirectiveNoFileComp
		}
	case "set", "grid":
		return completeSetting
	case "metric":
		return fixed(sweep.Figures()...)
	case "eval":
		return fixed(sweep.Depths()...)
	case "config":
		return func(*cobra.Command, []string, string) ([]string, cobra.ShellCompDirective) {
			return []string{"yaml", "yml"}, cobra.ShellCompDirectiveFilterFileExt
		}
	case "run-dir", "data-dir", "dir":
		return func(*cobra.Command, []string, string) ([]string, cobra.ShellCompDirective) {
			return nil, cobra.ShellCompDirectiveFilterDirs
		}
	case "model":
		return func(cmd *cobra.Command, _ []string, _ string) ([]string, cobra.ShellCompDirective) {
			return append(builtInNames(), a.runFolders(cmd)...), cobra.ShellCompDirectiveDefault
		}
	case "resume":
		return func(cmd *cobra.Command, _ []string, _ string) ([]string, cobra.ShellCompDirective) {
			return append([]string{"last\tthe newest run"}, a.runFolders(cmd)...), cobra.ShellCompDirectiveDefault
		}
	case "checkpoint":
		return func(*cobra.Command, []string, string) ([]string, cobra.ShellCompDirective) {
			return []string{"last", "best"}, cobra.ShellCompDirectiveDefault
		}
	case "key":
		return completeKey
	case "name":
		return cobra.NoFileCompletions
	}
	switch f.Value.Type() {
	case "int", "int64", "uint", "uint64", "float32", "float64", "duration":
		return cobra.NoFileCompletions
	}
	return nil
}

// argCompletion returns what completes the arguments of a command, which its
// use names.
func (a *app) argCompletion(cmd *cobra.Command) cobra.CompletionFunc {
	_, args, _ := strings.Cut(cmd.Use, " ")
	args, _, _ = strings.Cut(args, " ") // the first tells; after it come others of the kind, or files
	switch {
	case strings.Contains(args, "MODEL"): // a run's folder or a file
		return func(cmd *cobra.Command, _ []string, _ string) ([]string, cobra.ShellCompDirective) {
			return append(builtInNames(), a.runFolders(cmd)...), cobra.ShellCompDirectiveDefault
		}
	case strings.Contains(args, "RUN"):
		return func(cmd *cobra.Command, taken []string, _ string) ([]string, cobra.ShellCompDirective) {
			left := slices.DeleteFunc(a.runFolders(cmd), func(dir string) bool { return slices.Contains(taken, dir) })
			return left, cobra.ShellCompDirectiveNoFileComp
		}
	case args == "":
		return cobra.NoFileCompletions
	case cmd.Name() == "reproduce":
		return func(*cobra.Command, []string, string) ([]string, cobra.ShellCompDirective) {
			return builtInNames(), cobra.ShellCompDirectiveNoFileComp
		}
	case strings.Contains(args, "NAME") && cmd.HasParent():
		switch cmd.Parent().Name() {
		case "data":
			return fixed(dataset.Names()...)
		case "models":
			return func(*cobra.Command, []string, string) ([]string, cobra.ShellCompDirective) {
				return builtInNames(), cobra.ShellCompDirectiveNoFileComp
			}
		case "recipes":
			return func(*cobra.Command, []string, string) ([]string, cobra.ShellCompDirective) {
				return recipeNames(), cobra.ShellCompDirectiveNoFileComp
			}
		case "runs":
			return func(cmd *cobra.Command, _ []string, _ string) ([]string, cobra.ShellCompDirective) {
				var names []string
				for _, dir := range a.runFolders(cmd) {
					names = append(names, filepath.Base(filepath.Dir(dir)))
				}
				return slices.Compact(names), cobra.ShellCompDirectiveNoFileComp
			}
		}
	}
	return nil
}

func fixed(words ...string) cobra.CompletionFunc {
	return func(*cobra.Command, []string, string) ([]string, cobra.ShellCompDirective) {
		return words, cobra.ShellCompDirectiveNoFileComp
	}
}

func builtInNames() (words []string) {
	for _, m := range pretrained.Models() {
		words = append(words, m.Name+"\tbuilt in, by the recipe "+m.Recipe)
	}
	return words
}

func recipeNames() (words []string) {
	for _, r := range recipe.All() {
		words = append(words, r.Name+"\t"+r.About)
	}
	return words
}

// completeSetting completes key=value.
func completeSetting(_ *cobra.Command, _ []string, word string) (words []string, how cobra.ShellCompDirective) {
	how = cobra.ShellCompDirectiveNoFileComp | cobra.ShellCompDirectiveKeepOrder
	key, _, hasValue := strings.Cut(word, "=")
	c := joule.DefaultConfig()
	for _, s := range c.Settings() {
		switch {
		case !hasValue:
			words = append(words, s.Key+"=\t"+s.About)
		case s.Key == key:
			for _, name := range s.Names {
				words = append(words, key+"="+name)
			}
		}
	}
	if !hasValue {
		how |= cobra.ShellCompDirectiveNoSpace
	}
	return words, how
}

// maxCompletions is more than anyone reads.
const maxCompletions = 1000

// runFolders lists the folders of runs, without looking into them.
func (a *app) runFolders(cmd *cobra.Command) []string {
	dir := "runs"
	if f := cmd.Flag("run-dir"); f != nil {
		dir = f.Value.String()
		if env := a.env(envRunDir); env != "" && !f.Changed {
			dir = env
		}
	}
	matches, err := filepath.Glob(filepath.Join(dir, "*", "version_*"))
	if err != nil { // a folder whose name looks like a pattern
		return nil
	}
	var list []string
	for _, m := range matches[:min(len(matches), maxCompletions)] {
		if st, err := os.Stat(m); err == nil && st.IsDir() {
			list = append(list, m)
		}
	}
	return list
}
