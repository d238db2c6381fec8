package main

import (
	"errors"
	"fmt"
	"io"
	"strings"
	"text/tabwriter"
	"unicode"

	"github.com/joule-ml/joule"
	"github.com/joule-ml/joule/picture"
	"github.com/spf13/cobra"
)

func (a *app) showCommand() *cobra.Command {
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "show FILE.png",
		Short: "Print how a picture was made",
		Long: `Print what the text chunks of a PNG tell. Those of a picture that Joule made
tell the model, the seed, the settings, and the program and instruction set
that made it; joule sample --replay makes it again.

Pictures of others are shown with whatever text they have.`,
		Example: `  joule show samples.png
  joule show --json runs/mnist/version_0/samples/epoch=3.png`,
		Args: func(cmd *cobra.Command, args []string) error {
			if len(args) == 0 {
				return &usageError{"no picture is named", "see joule show --help"}
			}
			return atMost(1)(cmd, args)
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			p, err := readPNG(args[0])
			if err != nil {
				return err
			}
			if asJSON {
				return p.writeJSON(a.jsonOut())
			}
			return p.write(a.out())
		},
	}
	cmd.Flags().BoolVar(&asJSON, "json", false, "print JSON")
	return cmd
}

// clean makes text from elsewhere fit for a line.
func clean(text string) string {
	return printable(strings.Join(strings.FieldsFunc(text, unicode.IsSpace), " "))
}

// write prints the texts for people.
func (p *pngFile) write(out io.Writer) error {
	var b strings.Builder
	fmt.Fprintf(&b, "%s: PNG of %d×%d pixels", printable(p.path), p.width, p.height)
	v, err := picture.Parse(p.text)
	var fault *picture.Error
	switch {
	case len(p.text) == 0:
		b.WriteString(", without text: it does not tell how it was made\n")
	case errors.As(err, &fault) && !p.ours():
		b.WriteString(", not by Joule\n")
	case errors.As(err, &fault):
		b.WriteString(", but " + clean(fault.Fault) + "\n")
	default:
		b.WriteString("\n")
		p.explain(&b, v)
	}
	w := tabwriter.NewWriter(&b, 0, 0, 2, ' ', 0)
	if err != nil {
		for _, t := range p.text {
			fmt.Fprintf(w, "%s\t%s\n", clean(t.Key), clean(t.Value))
		}
	}
	w.Flush()
	_, err = io.WriteString(out, b.String())
	return err
}

// explain says what a provenance means.
func (p *pngFile) explain(b *strings.Builder, v *picture.Provenance) {
	w := tabwriter.NewWriter(b, 0, 0, 2, ' ', 0)
	row := func(key, format string, args ...any) { fmt.Fprintf(w, key+"\t"+format+"\n", args...) }
	row("shows", "%s", pictureText(v))
	c := v.Sample.Sampler
	switch {
	case v.Layout.Kind == "":
	case v.Sample.By == joule.ByGenerator:
		row("sampler", "the model's generator, without steps")
	default:
		method := ""
		if other := c.Other(); other != "" {
			method = other + ", "
		}
		row("sampler", method+"%s of size %v, noise %v, gradient within ±%v, values from %v to %v", plural(c.Steps, "step"), c.StepSize, c.Noise, c.GradClip, c.Min, c.Max)
	}
	row("seed", "%d", v.Sample.Seed)
	model := clean(v.Model)
	if v.Epochs > 0 || v.Steps > 0 {
		model += fmt.Sprintf(", after %s (%s)", plural(v.Epochs, "epoch"), plural(v.Steps, "training step"))
	}
	row("model", "%s", model)
	if v.Path != "" {
		row("from", "%s", clean(v.Path))
	}
	by := []string{clean(v.Software)}
	for _, part := range []struct{ text, what string }{{v.Go, ""}, {v.Kernel, " kernels"}} {
		if part.text != "" {
			by = append(by, clean(part.text)+part.what)
		}
	}
	row("made by", "%s", strings.Join(by, ", "))
	if d := v.Differences(); v.Layout.Kind != "" && len(d) > 0 {
		row("note", "made again, bytes may differ: %s", clean(strings.Join(d, "; ")))
	}
	if v.Layout.Kind != "" {
		row("again", "%s sample --replay %s", commandName(), quote(p.path))
	}
	w.Flush()
}

// pictureText says what a picture shows.
func pictureText(v *picture.Provenance) string {
	p, n := v.Layout, plural(v.Sample.N, "image")
	scale := ""
	if p.Scale > 1 {
		scale = fmt.Sprintf(", enlarged %d×", p.Scale)
	}
	switch p.Kind {
	case picture.Grid:
		return fmt.Sprintf("%s, %d in a row, padding %d%s", n, p.Columns, p.Padding, scale)
	case picture.Filmstrip:
		return fmt.Sprintf("%s, a row each, every %d steps from left to right, padding %d%s", plural(v.Sample.N, "chain"), v.Sample.Every, p.Padding, scale)
	case picture.Animation:
		return fmt.Sprintf("%s over time, %d in a row, padding %d%s, every %d steps for %v and the last for %v",
			plural(v.Sample.N, "chain"), p.Columns, p.Padding, scale, v.Sample.Every, p.Delay, p.Hold)
	case picture.Image:
		return fmt.Sprintf("image %d of %d, counted from 0%s", p.Index, v.Sample.N, scale)
	}
	return "no samples"
}
