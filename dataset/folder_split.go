package dataset

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"
	"unicode"
)

// splitNames lists what folders of splits are called: what to train on, then
// what to hold out, in the order of preference.
const (
	trainNames = "train training trn"
	heldNames  = "val valid validation dev development eval evaluation holdout heldout test testing tst"
	// plainNames say nothing about what is in a folder, and may stand beside or
	// within the name of a split.
	plainNames = "set sets split splits data dataset image images img imgs jpeg jpegs jpg jpegimages png pngs picture pictures photo photos file files folder dir"
)

// A splitRank is what a folder's name says that it holds: 0 is no split, 1 is
// what to train on, and of the others the lower one is held out rather than the
// higher.
type splitRank int

const training splitRank = 1

func rankOf(word string) splitRank {
	if hasName(trainNames, word) {
		return training
	}
	for i, n := range strings.Fields(heldNames) {
		if n == word {
			return training + 1 + splitRank(i)
		}
	}
	return 0
}

// splitOf reads the name of a folder: Train, train2017, val_images, seg_test. The
// stem is what is left of it, 2017 or seg; folders of one data set share it.
func splitOf(name string) (rank splitRank, stem string) {
	var rest []string
	for _, word := range words(name) {
		r := rankOf(word)
		for plain := range strings.FieldsSeq(plainNames) { // as in trainset
			if glued, ok := strings.CutSuffix(word, plain); ok && r == 0 {
				r = rankOf(glued)
			}
		}
		switch {
		case r != 0 && rank != 0:
			return 0, "" // two of them, as in train-test
		case r != 0:
			rank = r
		case !hasName(plainNames, word):
			rest = append(rest, word)
		}
	}
	return rank, strings.Join(rest, "-")
}

// words cuts text into runs of letters and runs of digits, in lower case. A capital
// behind a small letter begins another word, as in trainA and TestData.
func words(text string) []string {
	var list []string
	last, small := ' ', false
	for _, r := range text {
		kind := ' '
		switch {
		case unicode.IsLetter(r):
			kind = 'a'
			if small && unicode.IsUpper(r) {
				last = ' '
			}
			small = unicode.IsLower(r)
		case unicode.IsDigit(r):
			kind = '0'
		}
		if kind != ' ' {
			if kind != last {
				list = append(list, "")
			}
			list[len(list)-1] += string(unicode.ToLower(r))
		}
		last = kind
	}
	return list
}

// arrange puts the pictures in order, finds out whether the folder is divided
// into splits, and numbers the classes.
func (l *listing) arrange(dir string) error {
	deepest := 0
	for _, p := range l.pictures {
		deepest = max(deepest, strings.Count(p.path, "/"))
	}
	for depth := 0; depth < deepest && !l.splits; depth++ {
		if err := l.split(dir, depth); err != nil {
			return err
		}
	}
	l.unwrap()
	if err := l.warn(dir); err != nil {
		return err
	}
	slices.SortFunc(l.pictures, func(a, b picture) int {
		if a.test != b.test {
			if b.test {
				return -1
			}
			return 1
		}
		return cmp.Compare(a.path, b.path)
	})
	l.classify()
	return nil
}

// above returns the folder of a path at a depth, what lies above it and what
// below it. whole is for the path of something that may be a folder itself.
func above(path string, depth int, whole bool) (up, folder, down string, ok bool) {
	parts := strings.SplitN(path, "/", depth+2)
	if len(parts) < depth+2 && !(whole && len(parts) == depth+1) {
		return "", "", "", false
	}
	if len(parts) == depth+2 {
		down = parts[depth+1]
	}
	return strings.Join(parts[:depth], "/"), parts[depth], down, true
}

// splitFolders are the folders at one depth whose names are those of splits.
type splitFolders map[string]map[splitRank]map[string]bool // by stem, by rank, their names

func (s splitFolders) add(path string, depth int, whole bool) {
	_, folder, _, ok := above(path, depth, whole)
	rank, stem := splitOf(folder)
	if !ok || rank == 0 {
		return
	}
	if s[stem] == nil {
		s[stem] = map[splitRank]map[string]bool{}
	}
	if s[stem][rank] == nil {
		s[stem][rank] = map[string]bool{}
	}
	s[stem][rank][folder] = true
}

// choose returns the stem of the splits and the rank of the one to hold out, 0 if
// the folders are no splits. several tells that they are those of more than one
// data set, as trainA, testA, trainB and testB.
func (s splitFolders) choose() (stem string, held splitRank, several bool) {
	for _, name := range slices.Sorted(maps.Keys(s)) {
		ranks := slices.Sorted(maps.Keys(s[name]))
		if len(ranks) < 2 || ranks[0] != training {
			continue
		}
		if held != 0 {
			return "", 0, true
		}
		if stem, held = name, ranks[1]; name == "" {
			break
		}
	}
	return stem, held, false
}

// split divides the pictures by the folders at a depth, if their names are those
// of splits.
func (l *listing) split(dir string, depth int) error {
	found := splitFolders{}
	for _, p := range l.pictures {
		found.add(p.path, depth, false)
	}
	for _, s := range l.found {
		found.add(string(s.Path), depth, false)
	}
	for _, s := range l.skipped {
		if s.Kind.Lost() { // a split of links, say, must not go unnoticed
			found.add(string(s.Path), depth, s.Kind == Linked || s.Kind == Locked)
		}
	}
	stem, held, several := found.choose()
	if several && !slices.ContainsFunc(l.pictures, func(p picture) bool {
		_, folder, _, ok := above(p.path, depth, false)
		rank, _ := splitOf(folder)
		return !ok || rank == 0
	}) {
		return &Error{File: dir, What: fmt.Sprintf("the folders %s are the splits of several data sets", found.quoted()),
			Hint: "move those of one of them, such as trainA and testA, into a folder of their own and give that"}
	}
	if held == 0 {
		return nil
	}
	if depth > 0 && slices.ContainsFunc(l.pictures, func(p picture) bool {
		_, folder, _, ok := above(p.path, depth, false)
		rank, s := splitOf(folder)
		return !ok || rank == 0 || s != stem
	}) {
		l.note("folders named %s lie deeper within it, beside other pictures, and are not taken for splits", quoted(found[stem]))
		return nil
	}
	for _, rank := range []splitRank{training, held} {
		if names := found[stem][rank]; depth == 0 && len(names) > 1 {
			return &Error{File: dir, What: fmt.Sprintf("the folders %s are named like the same split", quoted(found[stem])),
				Hint: "put their pictures into one folder, or give another name to those that are not to be used"}
		}
	}
	l.splits = true
	l.divide(depth, stem, held, found[stem])
	return nil
}

// divide says of each picture which split it is in, and leaves out those that are
// in none or in a third one.
func (l *listing) divide(depth int, stem string, held splitRank, folders map[splitRank]map[string]bool) {
	ups, aside := map[string]bool{}, map[string]int{}
	all, beside := l.pictures, 0
	l.pictures = nil
	for _, p := range all {
		up, folder, down, _ := above(p.path, depth, false)
		rank, s := splitOf(folder)
		switch {
		case rank == 0 || s != stem:
			beside++
			l.found = append(l.found, skipped{rawName(p.path), "beside the folders to train on and to hold out", Beside})
		case rank != training && rank != held:
			aside[folder]++
			l.found = append(l.found, skipped{rawName(p.path), "in " + showPath(folder) + ", which is neither trained on nor held out", Aside})
		default:
			ups[up] = true
			p.up, p.name, p.test = up, down, rank == held
			l.pictures = append(l.pictures, p)
		}
	}
	if len(ups) > 1 { // as in cat/train and dog/train
		for i := range l.pictures {
			l.pictures[i].name = l.pictures[i].up + "/" + l.pictures[i].name
		}
	}
	text := fmt.Sprintf("trains on %s and holds out %s", names(folders[training]), names(folders[held]))
	for _, name := range slices.Sorted(maps.Keys(aside)) {
		text += fmt.Sprintf("; the pictures of %s are left out (%d)", showPath(name), aside[name])
	}
	if beside > 0 {
		text += fmt.Sprintf("; those beside them are left out (%d)", beside)
	}
	l.note("%s", text)
}

func names(set map[string]bool) string {
	var list []string
	for _, name := range slices.Sorted(maps.Keys(set)) {
		list = append(list, showPath(name))
	}
	return strings.Join(list, ", ")
}

// quoted lists the names of all the folders.
func (s splitFolders) quoted() string {
	var list []string
	for _, stem := range slices.Sorted(maps.Keys(s)) {
		list = append(list, quoted(s[stem]))
	}
	return strings.Join(list, ", ")
}

// quoted lists the names of the folders of some splits.
func quoted(folders map[splitRank]map[string]bool) string {
	var list []string
	for _, rank := range slices.Sorted(maps.Keys(folders)) {
		for _, name := range slices.Sorted(maps.Keys(folders[rank])) {
			list = append(list, fmt.Sprintf("%q", name))
		}
	}
	return strings.Join(list, ", ")
}

// unwrap leaves out folders that hold a whole split and say nothing of its
// pictures: train/images and seg_train/seg_train; and train itself where there is
// nothing else.
func (l *listing) unwrap() {
	const most = 2 // folders within each other
	for range most {
		var only [2]map[string]bool
		for t := range only {
			only[t] = map[string]bool{}
		}
		for _, p := range l.pictures {
			folder, _, _ := strings.Cut(p.name, "/")
			if folder == p.name {
				return // a picture
			}
			t := 0
			if p.test {
				t = 1
			}
			only[t][folder] = true
		}
		for t, folders := range only {
			for folder := range folders {
				rank, stem := splitOf(folder)
				same := rank == training && t == 0 || l.splits && rank > training && t == 1
				plain := l.splits && rank == 0 && stem == ""
				if len(folders) > 1 || !same && !plain {
					return
				}
			}
		}
		for i := range l.pictures {
			_, l.pictures[i].name, _ = strings.Cut(l.pictures[i].name, "/")
		}
	}
}

// warn tells of classes with the names of splits. That there are no others is an
// error.
func (l *listing) warn(dir string) error {
	folders, like, likely := map[string]bool{}, []string{}, 0
	for _, p := range l.pictures {
		if folder, _, ok := strings.Cut(p.name, "/"); ok {
			folders[folder] = true
		}
	}
	for _, folder := range slices.Sorted(maps.Keys(folders)) {
		if rank, stem := splitOf(folder); rank != 0 {
			like = append(like, fmt.Sprintf("%q", folder))
			if !strings.ContainsFunc(stem, unicode.IsLetter) {
				likely++
			}
		}
	}
	list := strings.Join(like, ", ")
	if !l.splits && likely > 1 && likely == len(folders) {
		return &Error{File: dir, What: fmt.Sprintf("its folders %s have the names of splits, but they are not one to train on and one to hold out", list),
			Hint: fmt.Sprintf("name them train and val, or give the folder of one of them as --data, such as %q", strings.TrimRight(dir, "/")+"/"+slices.Min(slices.Collect(maps.Keys(folders))))}
	}
	if len(like) > 0 {
		l.note("%s %s taken for a class of pictures, though named like a split", list, map[bool]string{true: "is", false: "are each"}[len(like) == 1])
	}
	if l.splits {
		return nil
	}
	for _, folder := range l.folders {
		if rank, _ := splitOf(folder); rank != 0 && !slices.ContainsFunc(l.pictures, func(p picture) bool { return strings.HasPrefix(p.path, folder+"/") }) {
			l.note("%q is named like a split, but there are no pictures in it", folder)
		}
	}
	return nil
}

// classify numbers the classes, unless a picture has none.
func (l *listing) classify() {
	number := map[string]int{}
	for _, p := range l.pictures {
		class, _, ok := strings.Cut(p.name, "/")
		if !ok {
			return
		}
		number[class] = 0
	}
	if len(number) > maxClasses {
		l.note("its pictures are in %d folders, more than %d, which are not taken for classes", len(number), maxClasses)
		return
	}
	for class := range number {
		l.classes = append(l.classes, class)
	}
	slices.Sort(l.classes)
	for i, class := range l.classes {
		number[class] = i
	}
	for i := range l.pictures {
		class, _, _ := strings.Cut(l.pictures[i].name, "/")
		l.pictures[i].class = number[class]
	}
}
