package sweep

import (
	"bytes"
	"encoding/csv"
	"errors"
	"fmt"
	"path/filepath"
	"strings"

	"github.com/joule-ml/joule/setting"
)

// A Row is a combination of settings that a file lists.
type Row struct {
	Name string
	set  func(setting.List) error
}

// ParseRows reads a list of combinations. A file whose name ends in .csv has the
// settings' keys in its first line and a combination in each other one, in which an
// empty value leaves the setting as it is; any other file is YAML, see
// [setting.ParseRows]. A column or a key called name says what a row is called.
func ParseRows(file string, data []byte) ([]Row, error) {
	var rows []Row
	if strings.EqualFold(filepath.Ext(file), ".csv") {
		var err error
		if rows, err = parseCSV(file, data); err != nil {
			return nil, err
		}
	} else {
		list, err := setting.ParseRows(file, data)
		if err != nil {
			return nil, err
		}
		for _, r := range list {
			rows = append(rows, Row{r.Name, r.Set})
		}
	}
	switch {
	case len(rows) == 0:
		return nil, &setting.Error{Place: file, Problem: "has no rows", Hint: "write at least one combination of settings"}
	case len(rows) > MaxRuns:
		return nil, &setting.Error{Place: file, Problem: fmt.Sprintf("has %d rows, more than %d", len(rows), MaxRuns), Hint: "leave some out, or sweep twice"}
	}
	return rows, nil
}

func parseCSV(file string, data []byte) ([]Row, error) {
	const hint = "write the settings' keys into the first line and a value for each into the others, those with a comma in double quotes"
	r := csv.NewReader(bytes.NewReader(bytes.TrimPrefix(data, []byte("\ufeff"))))
	r.TrimLeadingSpace = true
	records, err := r.ReadAll()
	var syntax *csv.ParseError
	if errors.As(err, &syntax) {
		return nil, &setting.Error{Place: fmt.Sprintf("%s:%d", file, syntax.Line), Problem: syntax.Err.Error(), Hint: hint}
	}
	if err != nil || len(records) == 0 {
		return nil, &setting.Error{Place: file, Problem: "is no list of settings", Hint: hint}
	}
	keys := records[0]
	var rows []Row
	for i, values := range records[1:] {
		row := Row{set: func(l setting.List) error {
			for k, key := range keys {
				if v := strings.TrimSpace(values[k]); v != "" && strings.TrimSpace(key) != "name" {
					if err := l.Set(key + "=" + v); err != nil {
						return inRow(file, i+1, err)
					}
				}
			}
			return nil
		}}
		for k, key := range keys {
			if strings.TrimSpace(key) == "name" {
				row.Name = strings.TrimSpace(values[k])
			}
		}
		rows = append(rows, row)
	}
	return rows, nil
}

// inRow adds the row of a file to an error about a setting in it.
func inRow(file string, row int, err error) error {
	var e *setting.Error
	if errors.As(err, &e) {
		located := *e
		located.Place = fmt.Sprintf("%s: row %d", file, row)
		return &located
	}
	return err
}
