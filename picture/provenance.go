package picture

import (
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/joule-ml/joule"
	"github.com/joule-ml/joule/grid"
	"github.com/joule-ml/joule/internal/program"
	"github.com/joule-ml/joule/sampler"
)

// A Provenance is what the text chunks of a picture tell: all that it takes to
// make the picture again, byte for byte with the same program and kernels. It
// has no time in it.
type Provenance struct {
	Software string // program and version
	Go       string // release, system and architecture
	Kernel   string // of [internal/kernel]: the instruction set
	Model    string // of [joule.Model.Hash]
	Path     string // where the model was, seen from the working folder or the picture's, or its run's; may be empty
	Epochs   int    // that the model was trained for
	Steps    int    // the same in training steps; both are 0 where that is not known
	// Sample has N, Seed, Sampler, By and Every.
	Sample joule.SampleConfig
	// Picture is the layout. Its Kind is empty for pictures of something
	// else, such as curves.
	Layout Layout
}

// The keys of the text chunks.
const (
	textSoftware = "Software" // of PNG's own keywords
	textModel    = "joule:model"
	textPath     = "joule:path"
	textTraining = "joule:training"
	textSeed     = "joule:seed"
	textSampler  = "joule:sampler"
	textPicture  = "joule:picture"
	textKernel   = "joule:kernel"
	textGo       = "joule:go"
)

// maxField bounds the text of one chunk that is taken apart.
const maxField = 4096

// Describe says how a picture of the layout p that is made now was made. p is one
// that [Layout.Fit] returned.
func Describe(m *joule.Model, c joule.SampleConfig, p Layout) *Provenance {
	v := &Provenance{Model: m.Hash(), Path: forOthers(m.Path()), Sample: c, Layout: p}
	v.Software, v.Go, v.Kernel = program.Describe()
	v.Sample.Threads = 0
	switch by := m.By(c); {
	case by == joule.ByGenerator:
		v.Sample.By, v.Sample.Sampler.Steps = by, 0 // it takes none
	case m.Latent() == 0:
		v.Sample.By = "" // there is no other way
	}
	if len(v.Path) > maxField || !utf8.ValidString(v.Path) || strings.ContainsRune(v.Path, 0) {
		v.Path = ""
	}
	if card := m.Card(); card != nil {
		v.Epochs, v.Steps = card.Epochs, card.Steps
	}
	return v
}

// Differences lists how this program differs from the one that made the
// picture. Where it returns nothing, the same bytes come out.
func (v *Provenance) Differences() []string {
	var list []string
	software, release, kernels := program.Describe()
	compare := func(what, theirs, ours string) {
		switch theirs {
		case ours:
		case "":
			list = append(list, "it does not tell the "+what+" that made it")
		default:
			list = append(list, fmt.Sprintf("%s %.100s made it, this is %s", what, theirs, ours))
		}
	}
	compare("version", v.Software, software)
	compare("build", v.Go, release)
	compare("instruction set", v.Kernel, kernels)
	return list
}

// Config returns the settings to draw the samples with again. For the kind
// Image, which shows one of several, the images after it are left out.
func (v *Provenance) Config() joule.SampleConfig {
	c := v.Sample
	if v.Layout.Kind == Image {
		c.N = v.Layout.Index + 1
	}
	return c
}

// Write makes the picture again of samples that were drawn with Config from
// the model of hash Model. It tells what this program is, and the rest as the
// first picture did.
func (v *Provenance) Write(w io.Writer, s *joule.Samples) error {
	p, err := v.Layout.fit(v.Config(), s)
	if err != nil {
		return err
	}
	again := *v
	again.Software, again.Go, again.Kernel = program.Describe()
	return p.write(w, v.Config(), s, &again)
}

// Text returns v as text chunks, which [Parse] reads.
func (v *Provenance) Text() []grid.Text {
	c := v.Sample.Sampler
	text := []grid.Text{{Key: textSoftware, Value: v.Software}, {Key: textModel, Value: v.Model}}
	add := func(key, format string, args ...any) {
		text = append(text, grid.Text{Key: key, Value: fmt.Sprintf(format, args...)})
	}
	if v.Path != "" {
		add(textPath, "%s", v.Path)
	}
	if v.Epochs > 0 || v.Steps > 0 {
		add(textTraining, "epochs=%d steps=%d", v.Epochs, v.Steps)
	}
	add(textSeed, "%d", v.Sample.Seed)
	more := "" // left out where they are as in earlier versions
	if method := c.Other(); method != "" {
		more += " method=" + method
	}
	if c.BurnIn > 0 {
		more += fmt.Sprintf(" burn_in=%d burn_in_scale=%v", c.BurnIn, c.BurnInScale)
	}
	if v.Sample.By != "" {
		more += " by=" + v.Sample.By
	}
	if v.Sample.Patch > 0 {
		more += fmt.Sprintf(" patch=%v", v.Sample.Patch)
	}
	add(textSampler, "steps=%d step_size=%v noise=%v anneal=%v%s grad_clip=%v min=%v max=%v", c.Steps, c.StepSize, c.Noise, c.Anneal, more, c.GradClip, c.Min, c.Max)
	if v.Layout.Kind != "" {
		add(textPicture, "%s", v.Layout.text(v.Sample))
	}
	add(textKernel, "%s", v.Kernel)
	add(textGo, "%s", v.Go)
	return text
}

// text writes what counts for a picture of this kind.
func (p Layout) text(c joule.SampleConfig) string {
	var b strings.Builder
	fmt.Fprintf(&b, "kind=%s images=%d scale=%d", p.Kind, c.N, p.Scale)
	switch p.Kind {
	case Image:
		fmt.Fprintf(&b, " index=%d", p.Index)
	case Filmstrip:
		fmt.Fprintf(&b, " padding=%d every=%d", p.Padding, c.Every)
	default:
		fmt.Fprintf(&b, " columns=%d padding=%d", p.Columns, p.Padding)
	}
	if p.Kind == Animation {
		fmt.Fprintf(&b, " every=%d delay_ms=%d hold_ms=%d", c.Every, p.Delay.Milliseconds(), p.Hold.Milliseconds())
	}
	return b.String()
}

// An Error says that a picture does not tell how it was made, or tells nonsense,
// or that a picture cannot be made.
type Error struct {
	Fault string
	Hint  string // what the user can do; may be empty
}

// Error tells the fault without the hint.
func (e *Error) Error() string { return "picture: " + e.Fault }

// Remedy says what the user can do; it may be empty.
func (e *Error) Remedy() string { return e.Hint }

const edited = "a newer version of Joule may have made it, or somebody has edited it"

// Parse reads the text chunks of a picture. Everything in them is
// checked against the bounds of what could have been asked for; what is wrong
// with them is a [*Error].
func Parse(text []grid.Text) (*Provenance, error) {
	values := map[string]string{}
	for _, t := range text {
		if _, twice := values[t.Key]; twice && strings.HasPrefix(t.Key, "joule:") {
			return nil, &Error{Fault: fmt.Sprintf("it has two texts %q", t.Key), Hint: edited}
		}
		values[t.Key] = t.Value
	}
	if values[textModel] == "" {
		return nil, &Error{Fault: "it does not tell how it was made", Hint: "only PNG files that Joule wrote do; image editors and web sites often remove it"}
	}
	for _, key := range []string{textSoftware, textGo, textKernel, textModel, textPath} {
		if len(values[key]) > maxField {
			return nil, &Error{Fault: fmt.Sprintf("its %s is of %d bytes", key, len(values[key])), Hint: edited}
		}
	}
	v := &Provenance{
		Software: values[textSoftware], Go: values[textGo], Kernel: values[textKernel],
		Model: values[textModel], Path: values[textPath],
	}
	var err error
	if v.Sample.Seed, err = strconv.ParseUint(values[textSeed], 10, 64); err != nil {
		return nil, &Error{Fault: fmt.Sprintf("its %s is %.100q", textSeed, values[textSeed]), Hint: edited}
	}
	f := fieldsOf(textTraining, values[textTraining])
	v.Epochs, v.Steps = f.whole("epochs", 0), f.whole("steps", 0)
	if err := f.end(); err != nil {
		return nil, err
	}
	if err := v.sampler(values[textSampler]); err != nil {
		return nil, err
	}
	if values[textPicture] == "" {
		return v, nil
	}
	return v, v.picture(values[textPicture])
}

// sampler reads how samples were drawn.
func (v *Provenance) sampler(text string) error {
	f := fieldsOf(textSampler, text)
	c := &v.Sample.Sampler
	*c = sampler.Config{
		Method: sampler.Langevin, Steps: f.whole("steps", -1), StepSize: f.real("step_size"), Noise: f.real("noise"), Anneal: f.real("anneal"),
		BurnIn: f.whole("burn_in", 0), BurnInScale: 1,
		GradClip: f.real("grad_clip"), Min: f.real("min"), Max: f.real("max"),
	}
	if c.BurnIn > 0 {
		c.BurnInScale = f.real("burn_in_scale")
	}
	if f.has("method") {
		if c.Method = f.take("method"); c.Method == "" {
			f.fail("has method=")
		}
	}
	if f.has("by") {
		if v.Sample.By = f.take("by"); v.Sample.By != joule.ByGenerator && v.Sample.By != joule.ByChains {
			f.fail("has by=%.100q", v.Sample.By)
		}
	}
	if f.has("patch") {
		if v.Sample.Patch = f.double("patch"); !(v.Sample.Patch >= 0 && v.Sample.Patch <= 1) {
			f.fail("has patch=%v", v.Sample.Patch)
		}
	}
	if err := f.end(); err != nil {
		return err
	}
	if err := c.Validate(); err != nil {
		return f.fault(err)
	}
	return nil
}

// picture reads the layout.
func (v *Provenance) picture(text string) error {
	f := fieldsOf(textPicture, text)
	p := DefaultLayout(f.take("kind"))
	v.Sample.N, p.Scale = f.whole("images", -1), f.whole("scale", -1)
	switch p.Kind {
	case Image:
		p.Index = f.whole("index", -1)
	case Filmstrip:
		p.Padding, v.Sample.Every = f.whole("padding", -1), f.whole("every", -1)
	default:
		p.Columns, p.Padding = f.whole("columns", -1), f.whole("padding", -1)
	}
	if p.Kind == Animation {
		v.Sample.Every = f.whole("every", -1)
		p.Delay = time.Duration(min(f.whole("delay_ms", -1), 1<<20)) * time.Millisecond
		p.Hold = time.Duration(min(f.whole("hold_ms", -1), 1<<20)) * time.Millisecond
	}
	if err := f.end(); err != nil {
		return err
	}
	v.Layout = p
	err := p.Validate()
	if err == nil {
		err = v.Sample.Validate()
	}
	switch {
	case err != nil:
	case v.Sample.N > MaxImages:
		err = fmt.Errorf("images is %d, want 1 to %d", v.Sample.N, MaxImages)
	case p.Scale == 0:
		err = fmt.Errorf("scale is 0")
	case p.Kind == Image && p.Index >= v.Sample.N:
		err = fmt.Errorf("image %d of %d", p.Index, v.Sample.N)
	}
	if err != nil {
		return f.fault(err)
	}
	return nil
}

// fields are the words key=value of a text. They keep the first fault.
type fields struct {
	key    string // of the text
	values map[string]string
	err    error
}

func fieldsOf(key, text string) *fields {
	f := &fields{key: key, values: map[string]string{}}
	if len(text) > maxField {
		f.fail("is of %d bytes", len(text))
		return f
	}
	for word := range strings.FieldsSeq(text) {
		name, value, ok := strings.Cut(word, "=")
		if _, twice := f.values[name]; !ok || twice {
			f.fail("has a word %.100q", word)
		}
		f.values[name] = value
	}
	return f
}

func (f *fields) fail(format string, args ...any) {
	if f.err == nil {
		f.err = &Error{Fault: "its " + f.key + " " + fmt.Sprintf(format, args...), Hint: edited}
	}
}

// fault makes an error of a value that is out of range.
func (f *fields) fault(err error) error {
	f.fail("is out of range: %v", err)
	return f.err
}

// take returns a value, which must be there.
func (f *fields) take(name string) string {
	value, ok := f.values[name]
	if !ok {
		f.fail("has no %s", name)
	}
	delete(f.values, name)
	return value
}

// whole returns a whole number from 0 up, or missing where it is not there,
// which is a fault if that is negative.
func (f *fields) whole(name string, missing int) int {
	if _, ok := f.values[name]; !ok && missing >= 0 {
		return missing
	}
	value := f.take(name)
	n, err := strconv.ParseUint(value, 10, 31)
	if err != nil {
		f.fail("has %s=%.100q", name, value)
	}
	return int(n)
}

func (f *fields) has(name string) bool {
	_, ok := f.values[name]
	return ok
}

func (f *fields) double(name string) float64 {
	value := f.take(name)
	x, err := strconv.ParseFloat(value, 64)
	if err != nil {
		f.fail("has %s=%.100q", name, value)
	}
	return x
}

func (f *fields) real(name string) float32 {
	value := f.take(name)
	x, err := strconv.ParseFloat(value, 32)
	if err != nil {
		f.fail("has %s=%.100q", name, value)
	}
	return float32(x)
}

// end returns the first fault. A setting that is not known is one: who does
// not know it cannot make the same picture.
func (f *fields) end() error {
	if len(f.values) > 0 {
		var names []string
		for name := range f.values {
			names = append(names, name)
		}
		f.fail("has a setting that is not known: %.100q", slices.Min(names))
	}
	return f.err
}
