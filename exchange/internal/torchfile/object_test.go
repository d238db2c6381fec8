package torchfile

import (
	"slices"
	"testing"
)

// TestObjects looks at what Lightning's checkpoints have beside tensors.
func TestObjects(t *testing.T) {
	for _, path := range files(t, "lightning*.ckpt") {
		f, err := Open(path)
		if err != nil {
			t.Error(err)
			continue
		}
		get := func(keys ...string) any {
			v := f.Root
			for _, k := range keys {
				var ok bool
				if v, ok = Lookup(v, k); !ok {
					t.Errorf("%s: no %v", path, keys)
				}
			}
			return v
		}
		for _, c := range []struct {
			keys []string
			want any
		}{
			{[]string{"epoch"}, int64(59)},
			{[]string{"global_step"}, int64(1 << 40)},
			{[]string{"pytorch-lightning_version"}, "1.0.2"},
			{[]string{"loops", "fit_loop", "done"}, true},
			{[]string{"none"}, nil},
			// Pickles of protocol 2 have bytes as a call of _codecs.encode.
			{[]string{"large"}, Long("\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\xf0")},
			{[]string{"hyper_parameters", "alpha"}, 0.1},
			{[]string{"hyper_parameters", "args", "data"}, "mnist"},
			{[]string{"unknown", "threshold"}, 0.5},
		} {
			if got := get(c.keys...); got != c.want {
				t.Errorf("%s: %v is %#v", path, c.keys, got)
			}
		}
		for key, class := range map[string]string{
			"hyper_parameters": "__main__.AttributeDict", "unknown": "__main__.Unknown",
			"counts": "collections.Counter", "bytes": "_codecs.encode",
		} {
			if o, ok := get(key).(*Object); !ok || o.Class.String() != class {
				t.Errorf("%s: %s is %s", path, key, Kind(get(key)))
			}
		}
		if shape, ok := get("hyper_parameters", "img_shape").(Tuple); !ok || !slices.Equal(shape, Tuple{int64(1), int64(28), int64(28)}) {
			t.Errorf("%s: %v", path, shape)
		}
		if seen := get("unknown", "seen").(*Tensor); seen.IsFloat() {
			t.Errorf("%s: integers are read as %+v", path, seen)
		} else if _, err := f.Float32(seen); err == nil {
			t.Error("integers are given as floats")
		}
		f.Close()
	}
}

// TestProtocols reads pickles of every protocol there is.
func TestProtocols(t *testing.T) {
	weights := expectations(t).Weights
	for _, path := range files(t, "plain-protocol*.pth") {
		f, err := Open(path)
		if err != nil {
			t.Error(err)
			continue
		}
		got, err := tensors(f, f.Root, 0)
		if err != nil || len(got) != len(weights) {
			t.Errorf("%s: %d tensors, error %v", path, len(got), err)
		}
		for name, want := range weights {
			if !slices.Equal(got[name], want) {
				t.Errorf("%s: %s is %v", path, name, got[name])
			}
		}
		f.Close()
	}
}

func TestModule(t *testing.T) {
	for _, path := range files(t, "module*.pt") {
		f, err := Open(path)
		if err != nil {
			t.Error(err)
			continue
		}
		if Kind(f.Root) != "an object of torch.nn.modules.linear.Linear" {
			t.Errorf("%s holds %s", path, Kind(f.Root))
		}
		f.Close()
	}
}
