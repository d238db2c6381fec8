package main

import (
	"bufio"
	"crypto/sha256"
	"encoding/csv"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/joule-ml/joule/metric"
)

// lines returns the lines of a list that are settings.
func lines(text string) []string {
	var settings []string
	for line := range strings.Lines(text) {
		if line = strings.TrimSpace(line); line != "" && line[0] != '#' {
			settings = append(settings, line)
		}
	}
	return settings
}

// half says which half of a list a setting belongs to. Nobody has chosen.
func half(settings string) string {
	if sha256.Sum256([]byte(settings))[0]&1 == 0 {
		return "tune"
	}
	return "report"
}

// read returns the results in a file, which need not be there.
func read(path string) (map[task]result, error) {
	done := map[task]result{}
	file, err := os.Open(path)
	if errors.Is(err, fs.ErrNotExist) {
		return done, nil
	}
	if err != nil {
		return nil, err
	}
	defer file.Close()
	for s := bufio.NewScanner(file); s.Scan(); {
		var r result
		if err := json.Unmarshal(s.Bytes(), &r); err != nil {
			return nil, fmt.Errorf("%s: %w", path, err)
		}
		done[r.task] = r
	}
	return done, nil
}

// printTable prints what is done of the settings, and how many are good.
func printTable(settings []string, seed uint64, done map[task]result) {
	fmt.Print("| settings beside the recipe's | without the guard | with it |\n|---|---|---|\n")
	count, good := [2]int{}, [2]int{}
	for _, s := range settings {
		line := fmt.Sprintf("| `%s` |", s)
		for i, guarded := range []bool{false, true} {
			r, ok := done[task{s, seed, guarded}]
			if ok {
				count[i]++
			}
			if r.End == "good" {
				good[i]++
			}
			line += " " + r.End + " |"
		}
		fmt.Println(line)
	}
	fmt.Printf("good: %d of %d without the guard, %d of %d with it\n", good[0], count[0], good[1], count[1])
}

// keepTrace writes the values of all steps into the folder of traces.
func (o options) keepTrace(t task, figures []metric.Figure, steps [][]float64) error {
	if o.trace == "" {
		return nil
	}
	file, err := os.Create(filepath.Join(o.trace, fmt.Sprintf("%x-%d-%v.csv", sha256.Sum256([]byte(t.Settings)), t.Seed, t.Guarded)))
	if err != nil {
		return err
	}
	w := csv.NewWriter(file)
	var row []string
	for _, f := range figures {
		row = append(row, f.Name)
	}
	w.Write(row)
	for _, values := range steps {
		row = row[:0]
		for _, v := range values {
			row = append(row, strconv.FormatFloat(v, 'g', 6, 64))
		}
		w.Write(row)
	}
	w.Flush()
	return errors.Join(w.Error(), file.Close())
}
