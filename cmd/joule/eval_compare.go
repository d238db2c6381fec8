package main

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/joule-ml/joule/evaluate"
	"github.com/joule-ml/joule/internal/regular"
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

// reportPath is the file that an argument [NAME=]FILE|FOLDER names, where there is
// one.
func reportPath(arg string) string {
	if _, rest, ok := strings.Cut(arg, "="); ok && !exists(arg) {
		arg = rest
	}
	if isFolder(arg) {
		arg = filepath.Join(arg, "report.json")
	}
	return arg
}

// readReport reads a report that is named by [NAME=]FILE|FOLDER|MODEL.
func readReport(arg string) (c evaluate.Column, err error) {
	path := arg
	if _, err := os.Stat(arg); err != nil {
		if name, rest, ok := strings.Cut(arg, "="); ok && name != "" {
			c.Name, path = name, rest
		}
	}
	name, file := filepath.Base(filepath.Dir(path)), path
	st, err := os.Stat(path)
	if m, ok := pretrained.Find(path); ok && errors.Is(err, fs.ErrNotExist) {
		name, c.Report = m.Name, m.Report()
	} else {
		switch base := filepath.Base(path); {
		case err == nil && st.IsDir():
			name, file = base, filepath.Join(path, "report.json")
		case base != "report.json":
			name = strings.TrimSuffix(base, filepath.Ext(base))
		}
		if c.Report, err = openReport(file); err != nil {
			return c, err
		}
	}
	if name == "." { // report.json alone
		name = "report"
	}
	if c.Name == "" {
		c.Name = name
	}
	c.Name = printable(c.Name)
	return c, nil
}

func openReport(path string) (*evaluate.Report, error) {
	fail := func(fault string, err error) error {
		return &pathError{path: path, fault: fault, err: err, hint: "joule eval -o FOLDER writes a report; built in are those of " + strings.Join(pretrained.Names(), ", ")}
	}
	f, err := regular.Open(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fail("there is no report", err)
	}
	if err != nil {
		return nil, fail("cannot be read", err)
	}
	defer f.Close()
	r, err := evaluate.Read(f)
	if err != nil {
		return nil, fail("cannot be read", err)
	}
	return r, nil
}

// printReports prints reports side by side.
func (a *app) printReports(columns []evaluate.Column, markdown bool) error {
	if markdown {
		return evaluate.WriteMarkdown(a.out(), columns)
	}
	return printColumns(a.out(), func(w io.Writer) {
		for i, t := range evaluate.Compare(columns) {
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
