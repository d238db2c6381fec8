package main

import (
	"fmt"
	"io"
	"strings"

	"github.com/joule-ml/joule/pretrained"
	"github.com/joule-ml/joule/setting"
	"github.com/spf13/cobra"
)

func (a *app) modelsCommand() *cobra.Command {
	models := &cobra.Command{
		Use:   "models",
		Short: "List the built-in models and show their cards",
		Long: `List the models that are part of this program. joule sample, score, eval and
export take them by name, without data and without training. joule models show
prints the card of one: what it was trained on and how, what it reaches, what it
is not for.`,
		Example: `  joule models
  joule models show mnist
  joule sample --model mnist
  joule reproduce mnist            # train it again`,
		Args: cobra.ArbitraryArgs,
		RunE: func(cmd *cobra.Command, args []string) error {
			if len(args) > 0 {
				return unknownCommand(cmd, args[0])
			}
			return printColumns(a.out(), func(w io.Writer) {
				fmt.Fprintln(w, "MODEL\tIMAGES\tPARAMETERS\tRECIPE\tHASH")
				for _, m := range pretrained.Models() {
					model := m.Load()
					c, h, width := model.Shape()
					fmt.Fprintf(w, "%s\t%d×%d×%d\t%s\t%s\t%s\n", m.Name, c, h, width, thousands(int64(model.Parameters())), m.Recipe, model.Hash())
				}
			})
		},
	}
	models.AddCommand(&cobra.Command{
		Use:     "show NAME",
		Short:   "Print a model's card",
		Long:    "Print the card of a built-in model, as Markdown.",
		Example: "  joule models show mnist",
		Args: func(cmd *cobra.Command, args []string) error {
			if len(args) == 0 {
				return &usageError{"no model is named", "joule models lists them"}
			}
			return atMost(1)(cmd, args)
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			m, err := builtIn(args[0])
			if err != nil {
				return err
			}
			_, err = a.out().Write(m.Card())
			return err
		},
	})
	return models
}

// builtIn finds a built-in model by its name or its recipe's.
func builtIn(name string) (pretrained.Model, error) {
	m, ok := pretrained.Find(name)
	if !ok {
		hint := "there are " + strings.Join(pretrained.Names(), ", ")
		if near := setting.Nearest(name, builtInWords()); near != "" {
			hint = fmt.Sprintf("did you mean %q?", near)
		}
		return m, &usageError{fmt.Sprintf("no built-in model is called %.100q", name), hint}
	}
	return m, nil
}
