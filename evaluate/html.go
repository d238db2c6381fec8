package evaluate

import (
	"bytes"
	_ "embed"
	"encoding/base64"
	"fmt"
	"html/template"
	"io"
	"maps"
	"math"
	"slices"
	"strconv"

	"github.com/joule-ml/joule/grid"
)

//go:embed report.html
var page string

var pageTemplate = template.Must(template.New("report").Funcs(template.FuncMap{
	"f":       func(digits int, v float64) string { return strconv.FormatFloat(v, 'f', digits, 64) },
	"g":       func(v float64) string { return strconv.FormatFloat(v, 'g', 3, 64) },
	"percent": func(v float64) string { return fmt.Sprintf("%.1f %%", 100*v) },
	"width":   func(v, most float64) int { return int(math.Round(100 * v / max(most, 1e-9))) },
	"most":    func(v []float64) float64 { return slices.Max(v) },
	"part":    func(a, b float64) string { return fmt.Sprintf("%.0f %%", 100*a/b) },
}).Parse(page))

// WriteHTML writes the report as one page that needs no other file, with a
// comparison with other reports at its end if there are any.
func (r *Report) WriteHTML(w io.Writer, beside ...Column) error {
	view := struct {
		*Report
		Images, Last, Energies template.URL
		Columns                []Column
		Tables                 []Table
	}{Report: r}
	if len(beside) > 0 {
		view.Columns = append([]Column{{Name: "this model", Report: r}}, beside...)
		view.Tables = Compare(view.Columns)
	}
	var err error
	if view.Images, err = r.picture(r.images); err != nil {
		return err
	}
	if view.Last, err = r.picture(r.last); err != nil {
		return err
	}
	if view.Energies, err = r.plot(); err != nil {
		return err
	}
	return pageTemplate.Execute(w, view)
}

// WriteImages writes the first samples as a PNG picture. Its text tells what made
// it: by that a folder of images leaves it out.
func (r *Report) WriteImages(w io.Writer) error {
	s := r.shape
	text := []grid.Text{{Key: "Software", Value: "joule " + r.Joule}, {Key: "joule:report", Value: fmt.Sprintf("model=%s seed=%d", r.Model.Hash, r.Seed)}}
	return grid.EncodePNG(w, grid.Make(r.images, len(r.images)/(s[0]*s[1]*s[2]), s[0], s[1], s[2], grid.DefaultOptions()), text)
}

// A Row is an outlier by its name.
type Row struct {
	Name string
	Outlier
}

// Rows lists the outliers, the easiest to tell first.
func (r *Report) Rows() []Row {
	var rows []Row
	for _, name := range slices.Sorted(maps.Keys(r.Outliers)) {
		rows = append(rows, Row{name, r.Outliers[name]})
	}
	slices.SortStableFunc(rows, func(a, b Row) int {
		switch {
		case a.AUROC > b.AUROC:
			return -1
		case a.AUROC < b.AUROC:
			return 1
		}
		return 0
	})
	return rows
}

// A Step is a chain by its length.
type Step struct {
	Steps int
	Chain
}

// Steps lists the chains, the shortest first.
func (r *Report) Steps() []Step {
	var list []Step
	for name, c := range r.Chains {
		n, err := strconv.Atoi(name)
		if err != nil {
			panic("evaluate: chains of " + name + " steps")
		}
		list = append(list, Step{n, c})
	}
	slices.SortFunc(list, func(a, b Step) int { return a.Steps - b.Steps })
	return list
}

func inline(png []byte) template.URL {
	return template.URL("data:image/png;base64," + base64.StdEncoding.EncodeToString(png))
}

func (r *Report) picture(images []float32) (template.URL, error) {
	if len(images) == 0 {
		return "", nil
	}
	s, opt := r.shape, grid.DefaultOptions()
	opt.Scale = 2
	var b bytes.Buffer
	err := grid.EncodePNG(&b, grid.Make(images, len(images)/(s[0]*s[1]*s[2]), s[0], s[1], s[2], opt), nil)
	return inline(b.Bytes()), err
}

// plot draws the distributions of energies: of kinds that are far from the
// test images, and of those that are near.
func (r *Report) plot() (template.URL, error) {
	names := []string{"test", "samples"}
	for _, row := range r.Rows() {
		names = append(names, row.Name)
	}
	// As many panels as keep each readable, the hardest kinds first.
	const each = 3
	var panels []grid.Panel
	for last := len(names); last > 2; last -= each {
		kinds := append([]string{"test", "samples"}, names[max(2, last-each):last]...)
		panels = append(panels, r.histogram(kinds))
	}
	var b bytes.Buffer
	err := grid.Curves(&b, panels, nil)
	return inline(b.Bytes()), err
}

// histogram draws the densities of energies of some kinds of images on one
// axis, which leaves out the outer hundredth on either side.
func (r *Report) histogram(kinds []string) grid.Panel {
	const bins = 60
	lo, hi := math.Inf(1), math.Inf(-1)
	for _, kind := range kinds {
		v := slices.Sorted(slices.Values(r.energies[kind]))
		if len(v) == 0 {
			continue
		}
		lo, hi = min(lo, v[len(v)/100]), max(hi, v[len(v)-1-len(v)/100])
	}
	if !(hi > lo) {
		hi = lo + 1
	}
	p := grid.Panel{Title: "Energies", XLabel: "E", YLabel: "density"}
	for _, kind := range kinds {
		v := r.energies[kind]
		s := grid.Series{Name: kind, X: make([]float64, bins), Y: make([]float64, bins)}
		width := (hi - lo) / bins
		for i := range s.X {
			s.X[i] = lo + (float64(i)+0.5)*width
		}
		for _, e := range v {
			if i := int((e - lo) / width); i >= 0 && i < bins {
				s.Y[i] += 1 / (float64(len(v)) * width)
			}
		}
		p.Series = append(p.Series, s)
	}
	return p
}
