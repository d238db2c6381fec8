package evaluate

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"slices"
	"strconv"
	"strings"
)

// A Column is a report in a comparison, by the name that it has there.
type Column struct {
	Name   string
	Report *Report
}

// A Table compares reports: a row for each figure, with a cell for each report.
type Table struct {
	Title string // of the first column, the names of the rows
	Rows  []TableRow
}

// A TableRow is a figure, as text.
type TableRow struct {
	Name  string
	Cells []string
}

// missing stands where a report does not have a figure.
const missing = "–"

// Compare puts reports side by side: their samples, and what they have of
// outliers and chains.
func Compare(columns []Column) []Table {
	tables := []Table{compareSamples(columns), compareOutliers(columns), compareChains(columns)}
	return slices.DeleteFunc(tables, func(t Table) bool { return len(t.Rows) == 0 })
}

// rowOf is a row of one cell for each report.
func rowOf(columns []Column, name string, cell func(r *Report) string) TableRow {
	t := TableRow{Name: name}
	for _, c := range columns {
		t.Cells = append(t.Cells, cell(c.Report))
	}
	return t
}

func compareSamples(columns []Column) Table {
	row := func(name string, cell func(r *Report) string) TableRow { return rowOf(columns, name, cell) }
	of := func(name, format string, values func(s *Samples) []any) TableRow {
		return row(name, func(r *Report) string { return fmt.Sprintf(format, values(&r.Samples)...) })
	}
	return Table{Title: "samples", Rows: []TableRow{
		row("data", func(r *Report) string { return r.Suite }),
		row("weights", func(r *Report) string { return r.Model.Hash }),
		of("samples, of steps", "%d, %d", func(s *Samples) []any { return []any{s.N, s.Sampler.Steps} }),
		row("Fréchet distance to the training images", func(r *Report) string { return distance(r.Samples.Frechet) }),
		row("the same of the test images", func(r *Report) string { return distance(r.Samples.FrechetTest) }),
		of("inception score", "%.2f (%.1f %%)", func(s *Samples) []any {
			return []any{s.InceptionScore, 100 * s.InceptionScore / s.InceptionScoreTest}
		}),
		of("precision, recall", "%.2f, %.2f", func(s *Samples) []any { return []any{s.Precision, s.Recall} }),
		of("density, coverage", "%.2f, %.2f", func(s *Samples) []any { return []any{s.Density, s.Coverage} }),
		of("rarest, commonest class", "%.1f %%, %.1f %%", func(s *Samples) []any {
			return []any{100 * slices.Min(s.LabelHistogram), 100 * slices.Max(s.LabelHistogram)}
		}),
		of("nearer to a training image than test images are", "%.2f", func(s *Samples) []any { return []any{s.Nearer} }),
	}}
}

func compareOutliers(columns []Column) Table {
	outliers := Table{Title: "AUROC of −E against"}
	for _, name := range kinds(columns) {
		outliers.Rows = append(outliers.Rows, rowOf(columns, name, func(r *Report) string {
			o, ok := r.Outliers[r.kind(name)]
			switch {
			case !ok:
				return missing
			case o.Seen:
				return fmt.Sprintf("%.3f (seen)", o.AUROC)
			}
			return fmt.Sprintf("%.3f", o.AUROC)
		}))
	}
	return outliers
}

func compareChains(columns []Column) Table {
	chains := Table{Title: "chains: Fréchet, inception score"}
	for _, steps := range lengths(columns) {
		chains.Rows = append(chains.Rows, rowOf(columns, fmt.Sprintf("%d steps", steps), func(r *Report) string {
			c, ok := r.Chains[strconv.Itoa(steps)]
			if !ok {
				return missing
			}
			return fmt.Sprintf("%s, %.2f", distance(c.Frechet), c.InceptionScore)
		}))
	}
	if len(chains.Rows) > 0 {
		number := rowOf(columns, "number of chains", func(r *Report) string {
			if s := r.Steps(); len(s) > 0 {
				return strconv.Itoa(s[0].N)
			}
			return missing
		})
		chains.Rows = slices.Insert(chains.Rows, 0, number)
	}
	return chains
}

func distance(v float64) string {
	if v < 100 {
		return fmt.Sprintf("%.1f", v)
	}
	return fmt.Sprintf("%.0f", v)
}

// foreign stands for the images of a suite's other data set, whichever it is.
const foreign = "the other data set"

// kind returns the name under which a report has a row of outliers.
func (r *Report) kind(name string) string {
	if name == foreign {
		return Other(r.Suite)
	}
	return name
}

// kinds lists the outliers of all columns, the easiest of the first one first.
func kinds(columns []Column) (names []string) {
	for _, c := range columns {
		for _, row := range c.Report.Rows() {
			name := row.Name
			if name == Other(c.Report.Suite) {
				name = foreign
			}
			if !slices.Contains(names, name) {
				names = append(names, name)
			}
		}
	}
	return names
}

// lengths lists those of the chains of all columns, the shortest first.
func lengths(columns []Column) (steps []int) {
	all := map[int]bool{}
	for _, c := range columns {
		for _, s := range c.Report.Steps() {
			all[s.Steps] = true
		}
	}
	return slices.Sorted(maps.Keys(all))
}

// WriteMarkdown writes the comparison as tables in Markdown.
func WriteMarkdown(w io.Writer, columns []Column) error {
	escape := strings.NewReplacer("|", `\|`, "\n", " ", "\r", " ")
	var b strings.Builder
	for i, t := range Compare(columns) {
		if i > 0 {
			b.WriteString("\n")
		}
		fmt.Fprintf(&b, "| %s |", t.Title)
		for _, c := range columns {
			fmt.Fprintf(&b, " %s |", escape.Replace(c.Name))
		}
		b.WriteString("\n|---|" + strings.Repeat("---|", len(columns)) + "\n")
		for _, r := range t.Rows {
			fmt.Fprintf(&b, "| %s |", escape.Replace(r.Name))
			for _, cell := range r.Cells {
				fmt.Fprintf(&b, " %s |", escape.Replace(cell))
			}
			b.WriteString("\n")
		}
	}
	_, err := io.WriteString(w, b.String())
	return err
}

// maxReport bounds the bytes of a report that is read; a real one has some
// eight thousand.
const maxReport = 1 << 20

// Read reads a report that JSON wrote. What only the page shows, the pictures
// and histograms, is not in it.
func Read(r io.Reader) (*Report, error) {
	text, err := io.ReadAll(io.LimitReader(r, maxReport+1))
	if err != nil {
		return nil, fmt.Errorf("evaluate: reading a report: %w", err)
	}
	if len(text) > maxReport {
		return nil, fmt.Errorf("evaluate: a report of more than %d bytes", maxReport)
	}
	var report Report
	if err := json.Unmarshal(bytes.TrimPrefix(text, []byte("\ufeff")), &report); err != nil {
		return nil, fmt.Errorf("evaluate: reading a report: %w", err)
	}
	if err := report.validate(); err != nil {
		return nil, fmt.Errorf("evaluate: reading a report: %w", err)
	}
	return &report, nil
}

// validate reports what no evaluation leaves out or has otherwise, as far as
// others rely on it.
func (r *Report) validate() error {
	s := r.Samples
	switch {
	case !slices.Contains(Suites(), r.Suite):
		return fmt.Errorf("it is of %.40q, not of %s", r.Suite, strings.Join(Suites(), " or "))
	case s.N <= 0 || s.InceptionScoreTest <= 0 || len(s.LabelHistogram) == 0:
		return fmt.Errorf("it has %d samples, labels of %d classes and an inception score of test images of %v", s.N, len(s.LabelHistogram), s.InceptionScoreTest)
	}
	for name := range r.Outliers {
		if !plain(name) {
			return fmt.Errorf("it has outliers called %.40q", name)
		}
	}
	if !plain(r.Model.Hash) {
		return fmt.Errorf("it is of the weights %.40q", r.Model.Hash)
	}
	for steps := range r.Chains {
		if n, err := strconv.Atoi(steps); err != nil || n < 1 || strconv.Itoa(n) != steps {
			return fmt.Errorf("it has chains of %.40q steps", steps)
		}
	}
	return nil
}

// plain tells whether a name can be shown anywhere.
func plain(name string) bool {
	return len(name) <= 64 && !strings.ContainsFunc(name, func(r rune) bool { return !strconv.IsPrint(r) })
}
