package sweep

import (
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/joule-ml/joule"
	"github.com/joule-ml/joule/setting"
)

// MaxRuns bounds the runs of a sweep.
const MaxRuns = 1000

// An Axis is a setting and the values that it takes in turn.
type Axis struct {
	Key    string
	Values []string
}

// ParseAxis reads "key=value,value", such as "sampler.steps=20,60". A value with a
// comma stands in double quotes, and a quote in there is doubled. Whether there is
// such a key, and what its values may be, is for [Combine] to check.
func ParseAxis(text string) (Axis, error) {
	key, values, ok := strings.Cut(text, "=")
	a := Axis{Key: strings.TrimSpace(key)}
	if !ok || a.Key == "" {
		return a, &setting.Error{Problem: setting.Quote(text) + " is no setting with values", Hint: "write key=value,value, for example sampler.steps=20,60"}
	}
	var err error
	a.Values, err = splitValues(values)
	if err != nil {
		return a, &setting.Error{Key: a.Key, Problem: fmt.Sprintf("%s cannot be divided into values: %v", setting.Quote(values), err),
			Hint: `put a value with commas in double quotes, as in network.layers="flatten, linear 1","flatten, linear 8, silu, linear 1"`}
	}
	for i, v := range a.Values {
		switch {
		case v == "":
			return a, &setting.Error{Key: a.Key, Problem: "a value is empty", Hint: "write key=value,value, for example sampler.steps=20,60"}
		case slices.Contains(a.Values[:i], v):
			return a, &setting.Error{Key: a.Key, Problem: setting.Quote(v) + " stands twice", Hint: "keep one of them"}
		}
	}
	return a, nil
}

// splitValues divides values at their commas, as a line of a CSV file.
func splitValues(text string) ([]string, error) {
	r := csv.NewReader(strings.NewReader(text))
	r.TrimLeadingSpace = true
	values, err := r.Read()
	var syntax *csv.ParseError
	switch {
	case errors.Is(err, io.EOF):
		return []string{""}, nil
	case errors.As(err, &syntax):
		return nil, syntax.Err
	case err != nil:
		return nil, err
	}
	if _, err := r.Read(); !errors.Is(err, io.EOF) {
		return nil, errors.New("there is more than one line")
	}
	for i := range values {
		values[i] = strings.TrimSpace(values[i])
	}
	return values, nil
}

// A Trial is what one run is to be trained with.
type Trial struct {
	Name   string // of the row of a list; may be empty
	Config joule.Config
}

// Combine returns a trial for each row with each combination of the values of the
// axes, those of the last axis next to each other. All settings are checked. An
// error names the setting, and is a [*setting.Error] where that is at fault.
func Combine(base joule.Config, rows []Row, axes []Axis) ([]Trial, error) {
	if err := checkAxes(base, axes); err != nil {
		return nil, err
	}
	if len(rows) == 0 {
		rows = []Row{{}}
	}
	n := len(rows)
	for _, a := range axes {
		if n *= len(a.Values); n > MaxRuns {
			return nil, &setting.Error{Problem: fmt.Sprintf("the combinations are more than %d", MaxRuns), Hint: "leave out values, or vary fewer settings at a time"}
		}
	}
	trials := make([]Trial, 0, n)
	for _, r := range rows {
		cfg := base
		if r.set != nil {
			if err := r.set(cfg.Settings()); err != nil {
				return nil, err
			}
		}
		configs, err := product(cfg, axes)
		if err != nil {
			return nil, err
		}
		for _, c := range configs {
			trials = append(trials, Trial{r.Name, c})
		}
	}
	return trials, checkTrials(base, trials)
}

// checkAxes finds unknown keys and those that stand twice.
func checkAxes(base joule.Config, axes []Axis) error {
	for i, a := range axes {
		if slices.ContainsFunc(axes[:i], func(b Axis) bool { return a.Key == b.Key }) {
			return &setting.Error{Key: a.Key, Problem: "its values are given twice", Hint: "give all of them at once, as in sampler.steps=20,60"}
		}
		for _, v := range a.Values {
			cfg := base
			if err := cfg.Set(a.Key + "=" + v); err != nil {
				return err
			}
		}
	}
	return nil
}

// product returns the settings with each combination of values.
func product(cfg joule.Config, axes []Axis) ([]joule.Config, error) {
	list := []joule.Config{cfg}
	for _, a := range axes {
		next := make([]joule.Config, 0, len(list)*len(a.Values))
		for _, c := range list {
			for _, v := range a.Values {
				varied := c
				if err := varied.Set(a.Key + "=" + v); err != nil {
					return nil, err
				}
				next = append(next, varied)
			}
		}
		list = next
	}
	return list, nil
}

// checkTrials reports the first trial whose settings do not go together or that
// another has as well.
func checkTrials(base joule.Config, trials []Trial) error {
	seen := map[string]int{}
	for i, t := range trials {
		if err := t.Config.Validate(); err != nil {
			return t.fault(base, err)
		}
		key := string(t.Config.YAML())
		if k, twice := seen[key]; twice {
			return &setting.Error{Problem: fmt.Sprintf("combinations %d and %d have the same settings", k+1, i+1), Hint: "leave one of them out: the same settings make the same run"}
		}
		seen[key] = i
	}
	return nil
}

// fault says in which trial a setting is wrong.
func (t Trial) fault(base joule.Config, err error) error {
	var words []string
	for _, d := range base.Diff(t.Config) {
		words = append(words, d.B.Assignment())
	}
	where := strings.Join(words, " ")
	if t.Name != "" {
		where = t.Name
	}
	if where == "" {
		return err
	}
	return fmt.Errorf("with %s: %w", where, err)
}
