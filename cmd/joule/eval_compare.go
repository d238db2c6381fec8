package main

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/joule-ml/joule"
	"github.com/joule-ml/joule/evaluate"
	"github.com/joule-ml/joule/pretrained"
	"github.com/spf13/cobra"
)

func (a *app) compareReportsCommand() *cobra.Command {
	var markdown bool
	cmd := &cobra.Command{
		Use:   "compare REPORT REPORT...",
		Short: "Compare reports: samples, outliers and chains",
		Long: `Compare reports of joule eval side by side. A REPORT is a report.json, the folder
that joule eval -o wrote it into, or the name of a built-in model. It goes by its
folder's name, or as NAME=REPORT says.

Distances are comparable between models of the same data that were judged by as
many samples; those of clothes and digits are in the features of different
classifiers.`,
		Example: `  joule eval compare first/report second/report
  joule eval compare mine=report/report.json mnist
  joule eval compare published=published "3 epochs=three" mnist --markdown > results.md`,
		RunE: func(_ *cobra.Command, args []string) error {
			if len(args) < 2 || len(args) > maxCompared {
				return &usageError{fmt.Sprintf("%s to compare, not 2 to %d", plural(len(args), "report"), maxCompared), "see joule eval compare --help"}
			}
			columns, err := readReports(args)
			if err != nil {
				return err
			}
			return a.printReports(columns, markdown)
		},
	}
	cmd.Flags().BoolVar(&markdown, "markdown", false, "print tables in Markdown")
	return cmd
}

// readReports reads reports from where the arguments say.
func readReports(args []string) (columns []evaluate.Column, err error) {
	for _, arg := range args {
		c, err := readReport(arg)
		if err != nil {
			return nil, err
		}
		columns = append(columns, c)
	}
	return columns, nil
}

// readReport reads a report that is named by [NAME=]FILE|FOLDER|MODEL.
func readReport(arg string) (c evaluate.Column, err error) {
	path := arg
	if _, err := os.Stat(arg); err != nil {
		if name, rest, ok := strings.Cut(arg, "="); ok && name != "" {
			c.Name, path = printable(name), rest
		}
	}
	st, err := os.Stat(path)
	if m, ok := pretrained.Find(path); ok && errors.Is(err, fs.ErrNotExist) {
		if c.Name == "" {
			c.Name = m.Name
		}
		c.Report = m.Report()
		return c, nil
	}
	file, folder := path, filepath.Dir(path)
	if err == nil && st.IsDir() {
		file, folder = filepath.Join(path, "report.json"), path
	}
	if c.Name == "" {
		c.Name = printable(filepath.Base(folder))
		if base := filepath.Base(path); err == nil && !st.IsDir() && base != "report.json" {
			c.Name = printable(strings.TrimSuffix(base, filepath.Ext(base)))
		}
	}
	f, err := os.Open(file)
	if err != nil {
		return c, &joule.RunError{Path: file, Fault: "there is no report", Err: err, Hint: "joule eval -o FOLDER writes one; built in are those of " + strings.Join(pretrained.Names(), ", ")}
	}
	defer f.Close()
	if c.Report, err = evaluate.Read(f); err != nil {
		return c, &joule.RunError{Path: file, Fault: "cannot be read", Err: err, Hint: "give the report.json of joule eval -o or what --json printed"}
	}
	return c, nil
}

// printReports prints reports side by side.
func (a *app) printReports(columns []evaluate.Column, markdown bool) error {
	if markdown {
		return evaluate.WriteMarkdown(a.stdout, columns)
	}
	return printColumns(a.stdout, func(w io.Writer) {
		for i, t := range evaluate.Compare(columns) {
			if len(t.Rows) == 0 {
				continue
			}
			if i > 0 {
				fmt.Fprintln(w, strings.Repeat("\t", len(columns)))
			}
			fmt.Fprint(w, strings.ToUpper(t.Title))
			for _, c := range columns {
				fmt.Fprint(w, "\t"+c.Name)
			}
			fmt.Fprintln(w)
			for _, r := range t.Rows {
				fmt.Fprintln(w, r.Name+"\t"+strings.Join(r.Cells, "\t"))
			}
		}
	})
}
