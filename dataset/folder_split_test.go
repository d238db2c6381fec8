package dataset

import (
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

func TestSplitOf(t *testing.T) {
	for name, want := range map[string]struct {
		rank splitRank
		stem string
	}{
		"train": {1, ""}, "TRAIN": {1, ""}, "Training": {1, ""}, "train2017": {1, "2017"}, "train_set": {1, ""}, "trainset": {1, ""}, "images_train": {1, ""},
		"seg_train": {1, "seg"}, "Train Images": {1, ""}, "val": {2, ""}, "valid": {3, ""}, "Validation": {4, ""}, "dev": {5, ""}, "test": {11, ""}, "seg_test": {11, "seg"},
		"testing": {12, ""}, "valset": {2, ""}, "trains": {}, "trainA": {1, "a"}, "TestData": {11, ""}, "trn": {1, ""}, "TESTS": {}, "train_val": {}, "testament": {}, "cat": {}, "": {}, "2017": {stem: "2017"}, "test-tubes": {11, "tubes"}, "images": {},
	} {
		rank, stem := splitOf(name)
		if rank != want.rank || rank != 0 && stem != want.stem {
			t.Errorf("%q: %d %q, want %d %q", name, rank, stem, want.rank, want.stem)
		}
	}
}

func TestFolderSplits(t *testing.T) {
	for _, test := range []struct {
		files   string // of shades 1, 2 …
		train   []int
		held    []int
		classes string
		aside   int    // of a third split, or beside
		note    string // in one of the notes
	}{
		{"train/a/1.png train/b/2.png val/b/3.png val/c/4.png other/5.png 6.png", []int{1, 2}, []int{3, 4}, "a b c", 2, "; those beside them are left out (2)"},
		{"train/a/1.png train/b/2.png test/b/3.png", []int{1, 2}, []int{3}, "a b", 0, "trains on train and holds out test"},
		{"train/1.png val/2.png test/3.png", []int{1}, []int{2}, "", 1, "trains on train and holds out val; the pictures of test are left out (1)"},
		{"train/1.png validation/2.png test/3.png", []int{1}, []int{2}, "", 1, "holds out validation"},
		{"train/a/1.png valid/a/2.png", []int{1}, []int{2}, "a", 0, ""},
		{"TRAIN/a/1.png VAL/a/2.png", []int{1}, []int{2}, "a", 0, ""},
		{"Training/a/1.png Testing/a/2.png", []int{1}, []int{2}, "a", 0, ""},
		{"trn/1.png tst/2.png", []int{1}, []int{2}, "", 0, ""},
		{"TrainData/1.png ValidationData/2.png", []int{1}, []int{2}, "", 0, ""},
		{"trainA/1.png trainB/2.png testA/3.png testB/4.png bus/5.png", []int{5, 3, 4, 1}, []int{2}, "bus testA testB trainA trainB", 0, "are each taken for a class"},
		{"train/1.png dev/2.png", []int{1}, []int{2}, "", 0, ""},
		{"train/1.png eval/2.png", []int{1}, []int{2}, "", 0, ""},
		{"train2017/1.png val2017/2.png", []int{1}, []int{2}, "", 0, ""},
		{"train_set/1.png test_set/2.png", []int{1}, []int{2}, "", 0, ""},
		{"train/1.png val/2.png validation/3.png", []int{1}, []int{2}, "", 1, ""},
		{"seg_train/seg_train/a/1.png seg_test/seg_test/a/2.png", []int{1}, []int{2}, "a", 0, ""},
		{"train/images/1.png valid/images/2.png", []int{1}, []int{2}, "", 0, ""},
		{"images/train/1.png images/val/2.png", []int{1}, []int{2}, "", 0, ""},
		{"imgs/train/a/1.png imgs/train/b/2.png imgs/val/a/3.png", []int{1, 2}, []int{3}, "a b", 0, ""},
		{"a/ILSVRC/Data/CLS-LOC/train/n1/1.png a/ILSVRC/Data/CLS-LOC/train/n2/2.png a/ILSVRC/Data/CLS-LOC/val/3.png", []int{1, 2}, []int{3}, "", 0, "trains on train and holds out val"},
		{"a/b/c/d/e/Train/1.png a/b/c/d/e/Test/2.png", []int{1}, []int{2}, "", 0, "holds out Test"},
		{"cat/train/1.png cat/val/2.png dog/train/3.png dog/val/4.png", []int{1, 3}, []int{2, 4}, "cat dog", 0, ""},
		{"bus/1.png train/2.png", []int{2}, []int{1}, "bus train", 0, `"train" is taken for a class`},
		{"cat/train/1.png cat/val/2.png dog/3.png", []int{1, 3}, []int{2}, "cat dog", 0, "lie deeper within it"},
		{"train/a/1.png train/b/2.png train/b/3.png", []int{2, 3}, []int{1}, "a b", 0, ""},
	} {
		dir := t.TempDir()
		tiles(t, dir, strings.Fields(test.files)...)
		opt := Options{Cache: t.TempDir()}
		_, _, fresh := openTest(t, dir, opt)
		train, held, p := openTest(t, dir, opt) // from the cache
		if fresh.done == 0 || p.done > 0 || !maps.Equal(fresh.files, p.files) || !maps.Equal(fresh.others, p.others) || !slices.Equal(fresh.notes, p.notes) {
			t.Errorf("%s: told %+v, and from the cache %+v", test.files, fresh, p)
		}
		if !slices.Equal(shades(train), test.train) || !slices.Equal(shades(held), test.held) {
			t.Errorf("%s: %v and %v", test.files, shades(train), shades(held))
		}
		if !slices.Equal(train.Classes, strings.Fields(test.classes)) || len(p.files)+len(p.others) != test.aside {
			t.Errorf("%s: classes %q, left out %v and %v", test.files, train.Classes, p.files, p.others)
		}
		if !strings.Contains(strings.Join(p.notes, "\n"), test.note) {
			t.Errorf("%s: %q", test.files, p.notes)
		}
	}
}

// TestFolderSplitFaults: what cannot be divided as its names say is not divided
// in another way.
func TestFolderSplitFaults(t *testing.T) {
	for files, want := range map[string]string{
		"train/1.png training/2.png val/3.png":                                "are named like the same split",
		"valid/1.png test/2.png":                                              "have the names of splits",
		"trainA/1.png trainB/2.png testA/3.png testB/4.png":                   `"trainA", "testA", "trainB", "testB" are the splits of several data sets`,
		"x/train2014/1.png x/val2014/2.png x/train2017/3.png x/val2017/4.png": "are the splits of several data sets",
		"train/1.png train/2.png val/x.heic":                                  "2 pictures to train on and 0 held out can be read",
		"train/1.png train/2.png val/x.png":                                   "2 pictures to train on and 0 held out can be read",
		"train/1.png train/2.png val/own.png":                                 "2 pictures to train on and 0 held out can be read",
	} {
		dir := t.TempDir()
		for _, name := range strings.Fields(files) {
			switch path := filepath.Join(dir, name); {
			case strings.Contains(name, "x."):
				put(t, path, []byte("x"))
			case strings.Contains(name, "own."):
				put(t, path, withText(tile(t, 1), "tEXt", ownKey+"model"))
			default:
				tiles(t, dir, name)
			}
		}
		_, _, err := Open(t.Context(), dir, Options{Cache: t.TempDir()})
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", files, err)
		}
	}
	dir := t.TempDir()
	tiles(t, dir, "train/1.png", "bus/2.png")
	if err := os.Mkdir(filepath.Join(dir, "val"), 0o777); err != nil {
		t.Fatal(err)
	}
	train, _, p := openTest(t, dir, Options{})
	if !slices.Equal(train.Classes, []string{"bus", "train"}) || !strings.Contains(strings.Join(p.notes, "\n"), `"val" is named like a split, but there are no pictures in it`) {
		t.Errorf("classes %v, %v", train.Classes, p.notes)
	}
}
