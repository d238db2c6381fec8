package nn

import (
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"

	"github.com/joule-ml/joule/internal/kernel"
	"github.com/joule-ml/joule/lane"
)

// The types of layers.
const (
	Conv2DType          = "conv2d"
	LinearType          = "linear"
	ConvTranspose2DType = "convtranspose2d"
	SiLUType            = "silu"
	ReLUType            = "relu"
	LeakyReLUType       = "leakyrelu"
	TanhType            = "tanh"
	SigmoidType         = "sigmoid"
	UpsampleType        = "upsample"
	AvgPool2DType       = "avgpool2d"
	ReshapeType         = "reshape"
	GroupNormType       = "groupnorm"
	DropoutType         = "dropout"
	ResidualType        = "residual"
	DistanceType        = "distance"
	FlattenType         = "flatten"
)

// kinds has a row for each type of layer, and nothing else lists them. A new
// one is a file with the layer, a row here and a row in the tests.
var kinds = []kind{
	{name: Conv2DType, sizes: []size{
		{name: "out", of: (*LayerSpec).out, lo: 1, hi: maxSide, bare: true},
		{name: "kernel", of: (*LayerSpec).kernel, lo: 1, hi: maxSide},
		{name: "stride", of: (*LayerSpec).stride, lo: 1, hi: maxStride, optional: true, standard: 1},
		{name: "padding", of: (*LayerSpec).padding, hi: maxSide, optional: true},
	}, check: checkConv2D, build: buildConv2D},
	{name: LinearType, sizes: []size{
		{name: "out", of: (*LayerSpec).out, lo: 1, hi: 16 * maxSide, bare: true},
	}, check: checkLinear, build: buildLinear},
	{name: ConvTranspose2DType, sizes: []size{
		{name: "out", of: (*LayerSpec).out, lo: 1, hi: maxSide, bare: true},
		{name: "kernel", of: (*LayerSpec).kernel, lo: 1, hi: maxSide},
		{name: "stride", of: (*LayerSpec).stride, lo: 1, hi: maxStride, optional: true, standard: 1},
		{name: "padding", of: (*LayerSpec).padding, hi: maxSide, optional: true},
		{name: "output_padding", of: (*LayerSpec).outputPadding, hi: maxStride - 1, optional: true},
	}, check: checkConvTranspose2D, build: buildConvTranspose2D},
	{name: SiLUType, build: activate(kernel.SiLU)},
	{name: ReLUType, build: activate(kernel.ReLU)},
	{name: LeakyReLUType, sizes: []size{
		{name: "slope", part: (*LayerSpec).slope, hi: 1, optional: true, standard: defaultSlope},
	}, build: buildLeakyReLU},
	{name: TanhType, build: activate(kernel.Tanh)},
	{name: SigmoidType, build: activate(kernel.Sigmoid)},
	{name: UpsampleType, sizes: []size{
		{name: "factor", of: (*LayerSpec).factor, lo: 1, hi: maxStride, bare: true},
	}, check: checkUpsample, build: buildUpsample},
	{name: AvgPool2DType, sizes: []size{
		{name: "kernel", of: (*LayerSpec).kernel, lo: 1, hi: maxSide},
		{name: "stride", of: (*LayerSpec).stride, hi: maxStride, optional: true},
	}, check: checkAvgPool2D, build: buildAvgPool2D},
	{name: FlattenType},
	{name: ReshapeType, sizes: []size{
		{name: "channels", of: (*LayerSpec).out, lo: 1, hi: 16 * maxSide, bare: true},
		{name: "height", of: (*LayerSpec).height, lo: 1, hi: maxSide},
		{name: "width", of: (*LayerSpec).width, lo: 1, hi: maxSide},
	}, check: checkReshape, build: buildReshape},
	{name: GroupNormType, sizes: []size{
		{name: "groups", of: (*LayerSpec).groups, lo: 1, hi: maxSide, optional: true, standard: 1},
	}, check: checkGroupNorm, build: buildGroupNorm},
	{name: DropoutType, sizes: []size{
		{name: "rate", part: (*LayerSpec).rate, hi: maxRate, bare: true},
	}, build: buildDropout},
	{name: ResidualType, sizes: []size{
		{name: "over", of: (*LayerSpec).over, lo: 1, hi: maxLayers},
	}, check: checkResidual, build: buildResidual},
	{name: DistanceType, sizes: []size{
		{name: "power", of: (*LayerSpec).power, lo: 1, hi: 2, optional: true, standard: 1},
	}, check: checkDistance, build: buildDistance},
}

// A kind is a type of layer.
type kind struct {
	name  string
	sizes []size // what a LayerSpec of it has to say
	// check reports a layer that its input does not allow. The sizes are
	// within their bounds by then. nil where any input will do.
	check func(LayerSpec, input) error
	// build makes the layer, without memory for parameters. nil where
	// nothing runs.
	build func(LayerSpec, input) layer
}

// An input is what a layer meets.
type input struct {
	lane.Shape
	flat bool // a flatten has been before: this is a vector, laid out as an image still
	// before has the image and what each layer before this one gives, up to this.
	before []input
}

func (in input) String() string {
	if in.flat {
		return fmt.Sprintf("a vector of %d", in.Len())
	}
	return fmt.Sprintf("%d×%d×%d", in.C, in.H, in.W)
}

// A size is a number in a LayerSpec: a whole one of a field that of gives, or else
// a fraction of one that part gives.
type size struct {
	name   string
	of     func(*LayerSpec) *int
	part   func(*LayerSpec) *float64
	lo, hi float64
	// In a text it has its name before it unless it is bare, and where it is
	// optional and left out it is standard.
	bare, optional bool
	standard       float64
}

func (s size) get(l LayerSpec) float64 {
	if s.of == nil {
		return *s.part(&l)
	}
	return float64(*s.of(&l))
}

func (s size) set(l *LayerSpec, v float64) {
	if s.of == nil {
		*s.part(l) = v
	} else {
		*s.of(l) = int(v)
	}
}

// within says whether v is such a number.
func (s size) within(v float64) bool {
	return v >= s.lo && v <= s.hi && (s.of == nil || v == math.Trunc(v))
}

// parse reads such a number.
func (s size) parse(text string) (v float64, ok bool) {
	v, err := strconv.ParseFloat(text, 64)
	if s.of != nil {
		var n int
		n, err = strconv.Atoi(text)
		v = float64(n)
	}
	return v, err == nil && s.within(v)
}

// want says which numbers it may be.
func (s size) want() string {
	if s.of == nil {
		return fmt.Sprintf("a fraction from %v to %v", s.lo, s.hi)
	}
	return fmt.Sprintf("a whole number from %.0f to %.0f", s.lo, s.hi)
}

// format writes such a number.
func (s size) format(v float64) string {
	if s.of == nil {
		return strconv.FormatFloat(v, 'g', -1, 64)
	}
	return strconv.FormatFloat(v, 'f', 0, 64)
}

func (l *LayerSpec) out() *int     { return &l.Out }
func (l *LayerSpec) kernel() *int  { return &l.Kernel }
func (l *LayerSpec) stride() *int  { return &l.Stride }
func (l *LayerSpec) padding() *int { return &l.Padding }

func (l *LayerSpec) factor() *int { return &l.Factor }
func (l *LayerSpec) height() *int { return &l.Height }
func (l *LayerSpec) width() *int  { return &l.Width }

func (l *LayerSpec) over() *int   { return &l.Over }
func (l *LayerSpec) groups() *int { return &l.Groups }
func (l *LayerSpec) power() *int  { return &l.Power }

func (l *LayerSpec) outputPadding() *int { return &l.OutputPadding }

func (l *LayerSpec) rate() *float64 { return &l.Rate }

func (l *LayerSpec) slope() *float64 { return &l.Slope }

func kindOf(name string) (kind, bool) {
	i := slices.IndexFunc(kinds, func(k kind) bool { return k.name == name })
	if i < 0 {
		return kind{}, false
	}
	return kinds[i], true
}

// Types lists the types of layers.
func Types() []string {
	var names []string
	for _, k := range kinds {
		names = append(names, k.name)
	}
	return names
}

// kindNames lists the types for an error.
func kindNames() string {
	names := Types()
	last := len(names) - 1
	return strings.Join(names[:last], ", ") + " and " + names[last]
}

// layer makes the layer that l describes, nil where nothing runs.
func (l LayerSpec) layer(in input) (layer, error) {
	k, ok := kindOf(l.Type)
	if !ok {
		return nil, fmt.Errorf("unknown type; the types are %s", kindNames())
	}
	for _, s := range k.sizes {
		if v := s.get(l); !s.within(v) {
			return nil, fmt.Errorf("%s %s is out of range, %s to %s", s.name, s.format(v), s.format(s.lo), s.format(s.hi))
		}
	}
	if k.check != nil {
		if err := k.check(l, in); err != nil {
			return nil, err
		}
	}
	if k.build == nil {
		return nil, nil
	}
	return k.build(l, in), nil
}
