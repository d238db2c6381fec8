package main

import (
	"fmt"
	"io"

	"github.com/joule-ml/joule/recipe"
	"github.com/spf13/cobra"
)

func (a *app) recipesCommand() *cobra.Command {
	recipes := &cobra.Command{
		Use:   "recipes",
		Short: "List and show the recipes for training",
		Long: `List the recipes, settings with a name that joule train --recipe takes. What a
recipe leaves out is as in the defaults, and --config, the environment and flags
win over it. A recipe is a YAML file like those for --config: joule recipes show
prints one to start from.`,
		Example: `  joule recipes
  joule recipes show mnist-60
  joule train --recipe mnist-60
  joule train --recipe mnist-60 --print-config     # every setting`,
		Args: cobra.ArbitraryArgs,
		RunE: func(cmd *cobra.Command, args []string) error {
			if len(args) > 0 {
				return unknownCommand(cmd, args[0])
			}
			return printColumns(a.out(), func(w io.Writer) {
				for _, r := range recipe.All() {
					fmt.Fprintf(w, "%s\t%s\n", r.Name, r.About)
				}
			})
		},
	}
	recipes.AddCommand(&cobra.Command{
		Use:   "show NAME",
		Short: "Print a recipe as YAML",
		Long:  "Print a recipe as YAML, with its comments. joule train --config reads it back.",
		Example: `  joule recipes show mnist
  joule recipes show quick > mine.yaml && joule train --config mine.yaml`,
		Args: func(cmd *cobra.Command, args []string) error {
			if len(args) == 0 {
				return &usageError{"no recipe is named", "joule recipes lists them"}
			}
			return atMost(1)(cmd, args)
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			r, err := recipe.Find(args[0])
			if err != nil {
				return err
			}
			_, err = a.out().Write(r.YAML)
			return err
		},
	})
	return recipes
}
