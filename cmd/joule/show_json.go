package main

import (
	"encoding/json"
	"errors"
	"io"
	"math"

	"github.com/joule-ml/joule/picture"
)

// shownJSON is what joule show --json prints.
type shownJSON struct {
	File      string     `json:"file"`
	FileBytes []byte     `json:"file_base64,omitempty"` // of a path that is not UTF-8
	Width     int        `json:"width"`
	Height    int        `json:"height"`
	Joule     *madeJSON  `json:"joule"`           // null for pictures of others
	Fault     string     `json:"fault,omitempty"` // why it is null where there is text of Joule's
	Text      []textJSON `json:"text"`
}

type textJSON struct {
	Key   string `json:"key"`
	Value string `json:"value"`
}

type madeJSON struct {
	Software    string       `json:"software"`
	Go          string       `json:"go"`
	Kernel      string       `json:"kernel"`
	Differences []string     `json:"differences"` // of this program to that one
	Model       string       `json:"model"`
	Path        string       `json:"path,omitempty"`
	Epochs      int          `json:"epochs,omitempty"`
	Steps       int          `json:"training_steps,omitempty"`
	Seed        uint64       `json:"seed,string"` // not every reader of JSON keeps 64 bits
	Sampler     samplerJSON  `json:"sampler"`
	Picture     *pictureJSON `json:"picture"` // null for pictures of no samples
}

type samplerJSON struct {
	By          string   `json:"by,omitempty"`     // empty for chains of a model that has no generator
	Method      string   `json:"method,omitempty"` // empty for Langevin
	Steps       int      `json:"steps"`
	StepSize    float32  `json:"step_size"`
	Noise       float32  `json:"noise"`
	Anneal      float32  `json:"anneal"`
	BurnIn      int      `json:"burn_in"`
	BurnInScale float32  `json:"burn_in_scale"`
	GradClip    *float32 `json:"grad_clip"` // null for none
	Patch       float64  `json:"patch"`
	Min         float32  `json:"min"`
	Max         float32  `json:"max"`
}

type pictureJSON struct {
	Kind    string `json:"kind"`
	Images  int    `json:"images"`
	Columns int    `json:"columns,omitempty"`
	Padding int    `json:"padding"`
	Scale   int    `json:"scale"`
	Index   int    `json:"index"`
	Every   int    `json:"every,omitempty"`
	DelayMS int64  `json:"delay_ms,omitempty"`
	HoldMS  int64  `json:"hold_ms,omitempty"`
}

func (p *pngFile) writeJSON(out io.Writer) error {
	j := shownJSON{File: p.path, FileBytes: rawPath(p.path), Width: p.width, Height: p.height, Text: []textJSON{}}
	for _, t := range p.text {
		j.Text = append(j.Text, textJSON(t))
	}
	v, err := picture.Parse(p.text)
	var fault *picture.Error
	switch {
	case err == nil:
		j.Joule = madeOf(v)
	case errors.As(err, &fault) && p.ours():
		j.Fault = fault.Fault
	}
	e := json.NewEncoder(out)
	e.SetIndent("", "  ")
	return e.Encode(j)
}

func madeOf(v *picture.Provenance) *madeJSON {
	c := v.Sample.Sampler
	m := &madeJSON{
		Software: v.Software, Go: v.Go, Kernel: v.Kernel, Differences: append([]string{}, v.Differences()...),
		Model: v.Model, Path: v.Path, Epochs: v.Epochs, Steps: v.Steps, Seed: v.Sample.Seed,
		Sampler: samplerJSON{By: v.Sample.By, Method: c.Other(), Steps: c.Steps, StepSize: c.StepSize, Noise: c.Noise, Anneal: c.Anneal, Patch: v.Sample.Patch, BurnIn: c.BurnIn, BurnInScale: c.BurnInScale, Min: c.Min, Max: c.Max},
	}
	if !math.IsInf(float64(c.GradClip), 0) {
		m.Sampler.GradClip = &c.GradClip
	}
	if p := v.Layout; p.Kind != "" {
		m.Picture = &pictureJSON{
			Kind: p.Kind, Images: v.Sample.N, Padding: p.Padding, Scale: p.Scale, Index: p.Index,
			Every: v.Sample.Every, DelayMS: p.Delay.Milliseconds(), HoldMS: p.Hold.Milliseconds(),
		}
		if p.Kind == picture.Grid || p.Kind == picture.Animation {
			m.Picture.Columns = p.Columns
		}
	}
	return m
}
