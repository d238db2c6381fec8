package main

import (
	"cmp"
	"context"
	"encoding/base64"
	"encoding/csv"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strconv"
	"strings"
	"text/tabwriter"

	"github.com/joule-ml/joule"
	"github.com/joule-ml/joule/dataset"
	"github.com/joule-ml/joule/lane"
	"github.com/joule-ml/joule/picture"
	"github.com/joule-ml/joule/run"
	"github.com/spf13/cobra"
)

type scoreFlags struct {
	json     bool
	csv      bool
	sort     bool
	outliers bool
	rate     float64
	modelFlags
}

func (a *app) scoreCommand() *cobra.Command {
	var f scoreFlags
	cmd := &cobra.Command{
		Use:   "score [MODEL|RUN] IMAGE|FOLDER...",
		Short: "Give the energy of images",
		Long: `Give the energy of images under a model: low for images that are likely.

Images are PNG, JPEG, GIF, WebP, BMP and TIFF pictures, cropped and scaled to the
model's size as joule train does; of a folder it is those in it and in the folders within. The
model is the first argument, if that is a .safetensors file, a run's folder or the
name of a built-in model, and otherwise that of the newest run under --run-dir, or
the built-in one of MNIST where there is none; --model names one without doubt.

The rank is the share of the images held out in training whose energy is lower:
0 % for an image as likely as the likeliest of them, 100 % for one less likely
than all.

--outliers leaves only images whose energy is so high that few held-out images
have as much: 5 %, or the share that --false-positives names.

--json prints an object a line: {"path": …, "energy": …, "rank": 0 to 1,
"held_out": images that the rank is among}; without validation, rank is null. Of
a path that is not UTF-8 there is "path_base64" too, the bytes that open the file.
--csv has the same columns. Pictures that cannot be read are told at the end, and
the exit code is then 1.`,
		Example: `  joule score photo.png
  joule score runs/photos/version_0 new/ --sort
  joule score model.safetensors new/ --csv > energies.csv
  joule score new/ --outliers --false-positives 0.01
  joule score --model mnist digit.png                # no training needed
  joule score --json new/ | jq 'select(.rank > 0.99).path'`,
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := a.fromEnv(cmd.Flags(), map[string]string{"run-dir": envRunDir}); err != nil {
				return err
			}
			if f.json && f.csv {
				return &usageError{"--json and --csv exclude each other", "give one of them"}
			}
			if !(f.rate > 0 && f.rate < 1) {
				return &usageError{fmt.Sprintf("--false-positives: %v is not between 0 and 1", f.rate), "0.05 calls one in twenty of the model's own kind an outlier"}
			}
			if cmd.Flags().Changed("false-positives") && !f.outliers {
				return &usageError{"--false-positives is for --outliers", "give both"}
			}
			ref, images, err := f.divide(a, args)
			if err != nil {
				return err
			}
			return a.score(cmd.Context(), &f, ref, images)
		},
	}
	flags := cmd.Flags()
	flags.SortFlags = false
	flags.BoolVar(&f.sort, "sort", false, "lowest energy first")
	flags.BoolVar(&f.outliers, "outliers", false, "print outliers alone")
	flags.Float64Var(&f.rate, "false-positives", 0.05, "share of the model's own kind that may be called outliers")
	flags.BoolVar(&f.json, "json", false, "print JSON, an object a line")
	flags.BoolVar(&f.csv, "csv", false, "print comma-separated values with a heading")
	f.modelFlags.add(flags)
	return cmd
}

// divide finds the model that the flags or the first argument mean, and leaves
// the arguments that are images.
func (f *scoreFlags) divide(a *app, args []string) (model modelRef, images []string, err error) {
	images, args = args, nil
	if f.model == "" && len(images) > 0 && isModel(images[0]) {
		args, images = images[:1], images[1:]
	}
	if len(images) == 0 {
		return modelRef{}, nil, &usageError{"no images to score", "name pictures or folders of them, such as joule score photo.png"}
	}
	model, err = f.find(a, args)
	return model, images, err
}

// isModel tells whether an argument is a model or a run, not an image. Pictures
// have names like photo.png.
func isModel(arg string) bool {
	if strings.HasSuffix(arg, ".safetensors") || isBuiltIn(arg) {
		return true
	}
	if st, err := os.Stat(arg); err != nil || !st.IsDir() {
		return false
	}
	_, err := run.Open(arg)
	return err == nil
}

// A score is what is said of an image.
type score struct {
	Path    string   `json:"path"`
	Bytes   []byte   `json:"path_base64,omitempty"` // of a path that is not UTF-8, which JSON's text cannot hold
	Energy  float32  `json:"energy"`
	Rank    *float64 `json:"rank"`
	HeldOut int      `json:"held_out"`
}

// scoreBatch is the number of images that are read at a time.
const scoreBatch = 256

// maxScored bounds the images of one command.
const maxScored = 1_000_000

func (a *app) score(ctx context.Context, f *scoreFlags, ref modelRef, args []string) error {
	m, err := ref.load()
	if err != nil {
		return err
	}
	threshold, err := f.threshold(m, ref)
	if err != nil {
		return err
	}
	paths, left, empty, err := a.imagesOf(ctx, args)
	if err != nil {
		return err
	}
	a.screen.line("scoring %s with %s", plural(len(paths), "image"), ref)
	if err := a.enoughMemory("scoring", m.MemoryUse(joule.SampleConfig{N: min(len(paths), scoreBatch)}), scoringHints); err != nil {
		return err
	}
	all, failed, err := a.scoreAll(ctx, m, paths)
	if err != nil {
		return err
	}
	if f.outliers {
		n := len(all)
		all = slices.DeleteFunc(all, func(s score) bool { return s.Energy <= threshold })
		a.screen.line("%d of %s above the energy %+.4f", len(all), plural(n, "image"), threshold)
	}
	if f.sort {
		slices.SortStableFunc(all, func(x, y score) int { return cmp.Compare(x.Energy, y.Energy) })
	}
	if err := (&scoreWriter{a.scores(f), f}).write(all); err != nil {
		return err
	}
	if len(paths) == 1 && len(failed) == 0 { // of many, none is opened twice
		if n := samplesIn(paths[0]); n > 1 {
			a.screen.line("%s shows %d samples and was scored as one image; joule sample --format dir gives each a file of its own", printable(paths[0]), n)
		}
	}
	left = append(failed, left...)
	if text := leftText(left); text != "" && len(left)+len(paths) > 2 { // one that failed is told below
		a.screen.line("left out: %s", text)
	}
	failures := a.tellLost(left)
	if failures > 0 {
		hint := ""
		if failures > mostLost {
			hint = "; joule data verify lists all of a folder"
		}
		a.screen.line("%s could not be scored%s", plural(failures, "file"), hint)
	}
	if failures > 0 || empty {
		return exit(exitFailure)
	}
	return nil
}

// threshold returns the energy above which an image is an outlier, and refuses
// models that cannot score pictures or tell outliers.
func (f *scoreFlags) threshold(m *joule.Model, ref modelRef) (float32, error) {
	if c, h, w := m.Shape(); c != 1 && c != 3 || h > dataset.MaxSide || w > dataset.MaxSide {
		return 0, &pathError{path: ref.String(), fault: fmt.Sprintf("is of images of %d×%d×%d", c, h, w),
			hint: fmt.Sprintf("pictures are scored in 1 or 3 channels of at most %d×%d", dataset.MaxSide, dataset.MaxSide)}
	}
	threshold, calibrated := m.Card().Threshold(f.rate)
	if f.outliers && !calibrated {
		return 0, &pathError{path: ref.String(), fault: "has no held-out energies to tell outliers by", hint: "take a model that joule train made, after its first epoch"}
	}
	return threshold, nil
}

// scoreAll scores the images of the paths a batch at a time, showing how that
// goes.
func (a *app) scoreAll(ctx context.Context, m *joule.Model, paths []string) (all []score, bad []leftFile, err error) {
	defer a.screen.clear()
	for first := 0; first < len(paths); first += scoreBatch {
		batch := paths[first:min(first+scoreBatch, len(paths))]
		scores, failed, err := scoreImages(ctx, m, batch)
		if err != nil {
			return nil, nil, err
		}
		all, bad = append(all, scores...), append(bad, failed...)
		if a.screen.live && a.screen.due() {
			a.screen.show([]string{"scoring", fmt.Sprintf("%s of %s", thousands(int64(first+len(batch))), thousands(int64(len(paths))))}, nil)
		}
	}
	return all, bad, nil
}

// imagesOf lists the images that the arguments mean, in their order. empty says
// that a folder had none.
func (a *app) imagesOf(ctx context.Context, args []string) (paths []string, bad []leftFile, empty bool, err error) {
	for _, arg := range args {
		list := []string{arg}
		if st, err := os.Stat(arg); err == nil && st.IsDir() {
			list, err = dataset.FindImages(ctx, arg, func(e dataset.FolderEvent) { bad = append(bad, leftFile{e.Path, e.Err, e.Kind}) })
			if err != nil {
				return nil, nil, false, err
			}
			if len(list) == 0 {
				a.screen.line("%s: no pictures in it that can be read", printable(arg))
				empty = true
			}
		}
		if paths = append(paths, list...); len(paths) > maxScored {
			return nil, nil, false, &usageError{fmt.Sprintf("more than %d images", maxScored), "score them in several parts"}
		}
	}
	return paths, bad, empty, nil
}

// samplesIn returns the number of samples in a picture of many that Joule drew,
// and 0 for other files.
func samplesIn(path string) int {
	p, err := readPNG(path)
	if err != nil {
		return 0
	}
	v, err := picture.Parse(p.text)
	if err != nil || v.Layout.Kind == "" || v.Layout.Kind == picture.Image {
		return 0
	}
	return v.Sample.N
}

// scoreImages gives the energies of the images that can be read.
func scoreImages(ctx context.Context, m *joule.Model, paths []string) (scores []score, bad []leftFile, err error) {
	var shape lane.Shape
	shape.C, shape.H, shape.W = m.Shape()
	set, errs, err := dataset.ReadImages(ctx, paths, shape)
	if err != nil {
		return nil, nil, err
	}
	images := make([]float32, set.N*set.Size())
	for i := range set.N {
		set.Image(images[i*set.Size():(i+1)*set.Size()], i)
	}
	energies := make([]float32, set.N)
	m.WithContext(ctx).Energies(energies, images)
	if ctx.Err() != nil {
		return nil, nil, context.Cause(ctx)
	}
	for i, e := range energies {
		switch {
		case errs[i] != nil:
			bad = append(bad, leftFile{paths[i], faultOf(errs[i]), dataset.Broken})
		case e-e != 0: // NaN or infinite
			bad = append(bad, leftFile{paths[i], errors.New("its energy is not finite"), dataset.Broken})
		default:
			s := score{Path: paths[i], Bytes: rawPath(paths[i]), Energy: e}
			if rank, ok := m.Card().Rank(e); ok {
				s.Rank, s.HeldOut = &rank, m.Card().N
			}
			scores = append(scores, s)
		}
	}
	return scores, bad, nil
}

// faultOf takes the path, which is told anyway, out of an error.
func faultOf(err error) error {
	var e *dataset.Error
	if errors.As(err, &e) {
		return errors.New(e.What)
	}
	return err
}

// A scoreWriter prints scores in one of three ways.
type scoreWriter struct {
	w io.Writer
	f *scoreFlags
}

func (s *scoreWriter) write(scores []score) error {
	switch {
	case s.f.json:
		e := json.NewEncoder(s.w)
		e.SetEscapeHTML(false)
		for _, v := range scores {
			if err := e.Encode(v); err != nil {
				return err
			}
		}
		return nil
	case s.f.csv:
		return s.csv(scores)
	}
	return s.table(scores)
}

// scores is where scores are printed.
func (a *app) scores(f *scoreFlags) io.Writer {
	if f.json {
		return a.jsonOut()
	}
	return a.out()
}

// cell returns a path as it stands in a table of values, where a spreadsheet must
// not take it for a formula. The quotes of CSV keep an end of a line within it.
func cell(path string) string {
	if path != "" && strings.ContainsRune("=+-@", rune(path[0])) {
		path = "./" + path
	}
	return strings.Join(visibleAll(strings.Split(strings.ToValidUTF8(path, "\ufffd"), "\n")), "\n")
}

// changed tells whether a path cannot be read back from its cell.
func changed(path string) bool { return !strings.HasSuffix(cell(path), path) }

// csv prints scores as comma-separated values.
func (s *scoreWriter) csv(scores []score) error {
	w := csv.NewWriter(s.w)
	heading := []string{"path", "energy", "rank", "held_out"}
	raw := slices.ContainsFunc(scores, func(v score) bool { return v.Bytes != nil || changed(v.Path) })
	if raw {
		heading = append(heading, "path_base64")
	}
	w.Write(heading)
	for _, v := range scores {
		rank, held := "", ""
		if v.Rank != nil {
			rank, held = strconv.FormatFloat(*v.Rank, 'g', -1, 64), strconv.Itoa(v.HeldOut)
		}
		row := []string{cell(v.Path), strconv.FormatFloat(float64(v.Energy), 'g', -1, 32), rank, held}
		if raw {
			bytes := v.Bytes
			if bytes == nil && changed(v.Path) {
				bytes = []byte(v.Path)
			}
			row = append(row, base64.StdEncoding.EncodeToString(bytes))
		}
		w.Write(row)
	}
	w.Flush()
	return w.Error()
}

// table prints scores for people.
func (s *scoreWriter) table(scores []score) error {
	if len(scores) == 0 {
		return nil
	}
	var rows strings.Builder
	w := tabwriter.NewWriter(&rows, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintln(w, "ENERGY\tRANK\tOF\t  IMAGE")
	for _, v := range scores {
		rank, held := "–", "–"
		if v.Rank != nil {
			rank, held = fmt.Sprintf("%.1f %%", 100**v.Rank), thousands(int64(v.HeldOut))
		}
		fmt.Fprintf(w, "%+.4f\t%s\t%s\t  %s\n", v.Energy, rank, held, printable(v.Path))
	}
	w.Flush()
	_, err := io.WriteString(s.w, rows.String())
	return err
}
