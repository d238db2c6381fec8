package joule_test

import (
	"go/parser"
	"go/token"
	"io/fs"
	"maps"
	"os"
	"path"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// rooms are the packages in their reading order: each imports, of ours, only
// some that stand above it. A new package needs a row, which says what it is
// for that no other package is; an import that is not here needs a reason in the
// commit that adds it.
var rooms = []struct{ dir, holds, imports string }{
	{"internal/atomicfile", "files replaced whole", ""},
	{"internal/regular", "regular files opened, and nothing else", ""},
	{"internal/lockfile", "one process a folder", ""},
	{"internal/fetch", "HTTP within limits", ""},
	{"internal/imagefile", "pictures of others read", ""},
	{"internal/kernel", "the float32 kernels", ""},
	{"internal/program", "version and build", "internal/kernel"},
	{"setting", "one key of a configuration", ""},
	{"checkpoint", "named tensors in files", "internal/atomicfile internal/regular"},
	{"metric", "the figures of a run, by name", "internal/atomicfile internal/regular"},
	{"tensorboard", "event files", "internal/atomicfile internal/regular"},
	{"grid", "images and curves drawn", "internal/atomicfile"},
	{"random", "streams of random numbers", "internal/kernel"},
	{"lane", "images side by side, and workers", "internal/kernel"},
	{"dataset", "images to train on", "internal/atomicfile internal/fetch internal/imagefile internal/regular lane random setting"},
	{"nn", "layers and networks", "internal/kernel lane random"},
	{"arch", "networks by name", "lane nn setting"},
	{"weights", "networks in files", "checkpoint nn"},
	{"sampler", "Markov chains", "internal/kernel lane random setting"},
	{"ais", "log Z of an energy", "lane random sampler"},
	{"optim", "gradients made updates", "internal/kernel setting"},
	{"engine", "networks run on plain images", "internal/kernel lane nn random sampler"},
	{"replay", "samples that chains go on from", "checkpoint internal/kernel lane random sampler setting weights"},
	{"guard", "divergence noticed, and cures", "metric setting"},
	{"objective", "from a batch to an update", "engine lane metric nn optim random replay sampler setting weights"},
	{".", "the product: Config, Model, Trainer", "arch checkpoint dataset engine guard internal/kernel internal/program lane metric nn objective optim random replay sampler setting weights"},
	{"judge", "measures of numbers, without a model", "dataset lane random"},
	{"classify", "classifiers, for their features", "arch checkpoint dataset engine lane nn optim random setting weights"},
	{"evaluate", "a model judged", ". ais classify dataset engine grid internal/kernel internal/program judge lane sampler"},
	{"exchange/internal/torchfile", "what torch.save wrote", "checkpoint internal/regular"},
	{"exchange", "models of and for other programs", ". arch checkpoint dataset exchange/internal/torchfile internal/atomicfile internal/fetch internal/program internal/regular lane nn sampler weights"},
	{"pretrained", "the models in the binary", ". dataset evaluate"},
	{"picture", "samples shown, and how they were made", ". grid internal/program lane sampler"},
	{"run", "the folder of a training", ". checkpoint internal/atomicfile internal/lockfile internal/regular metric setting weights"},
	{"record", "a training kept in a run's folder", ". grid internal/atomicfile metric picture random run tensorboard"},
	{"recipe", "configurations by name", ". setting"},
	{"sweep", "many trainings, and what comes of each", ". dataset evaluate internal/atomicfile internal/lockfile internal/program internal/regular metric record run setting"},
	{"bench", "the speed of this machine", ". arch dataset engine internal/kernel lane nn objective random sampler setting"},
	{"internal/pipenet", "a network of pipes for tests", ""},
	{"internal/toy", "small problems for tests", "arch dataset lane nn"},
	{"internal/python", "Python found for tests", ""},
	{"internal/parity", "PyTorch's answers for tests", "checkpoint lane nn"},
	{"cmd/joule", "the command", ". bench checkpoint dataset engine evaluate exchange grid internal/atomicfile internal/kernel internal/program internal/regular lane metric picture pretrained recipe record replay run sampler setting sweep"},
	{"tools/survive", "trainings under hard settings", ". dataset metric"},
	{"tools/peers/joule", "sampling and training beside other frameworks", ". dataset internal/kernel internal/program lane objective random sampler"},
	{"tools/train-classifier", "the classifiers made", "classify dataset"},
}

const module = "github.com/joule-ml/joule"

// TestImports: imports point one way, and those that cost much (HTTP, plots)
// come only with the packages that are for them.
func TestImports(t *testing.T) {
	imports := readImports(t)
	above := map[string]bool{}
	needs := map[string]map[string]bool{} // what a package brings from outside of the module and the standard library
	for _, r := range rooms {
		all, there := imports[r.dir]
		if !there {
			t.Errorf("%s has a row, and is no package", r.dir)
			continue
		}
		delete(imports, r.dir)
		needs[r.dir] = map[string]bool{}
		var ours []string
		for _, name := range all {
			within, own := strings.CutPrefix(name+"/", module+"/")
			switch {
			case own:
				dir := path.Clean(within)
				ours = append(ours, dir)
				maps.Copy(needs[r.dir], needs[dir])
				if !above[dir] || strings.HasPrefix(dir, "cmd/") || strings.HasPrefix(dir, "tools/") {
					t.Errorf("%s imports %s, which is not above it", r.dir, dir)
				}
			case name == "net/http" && !slices.Contains([]string{"internal/fetch", "internal/pipenet", "dataset", "exchange", "cmd/joule"}, r.dir):
				t.Errorf("%s imports net/http", r.dir)
			case strings.Contains(strings.Split(name, "/")[0], "."):
				needs[r.dir][name] = true
			}
		}
		if got := strings.Join(ours, " "); got != r.imports {
			t.Errorf("%s imports\n\t%s, and its row has\n\t%s", r.dir, got, r.imports)
		}
		above[r.dir] = true
	}
	for dir := range imports {
		t.Errorf("%s has no row", dir)
	}
	for name := range needs["."] {
		pictures := strings.HasPrefix(name, "golang.org/x/image/") && slices.Contains([]string{"bmp", "draw", "tiff", "webp"}, path.Base(name))
		if !strings.HasPrefix(name, "go.yaml.in/yaml/v4") && !pictures && name != "golang.org/x/sys/cpu" {
			t.Errorf("the root package needs %s: who trains a model is to bring no plots, fonts or PDF", name)
		}
	}
}

// readImports returns what each package of the module imports outside of its
// tests, on all systems, in order.
func readImports(t *testing.T) map[string][]string {
	imports := map[string][]string{}
	err := fs.WalkDir(os.DirFS("."), ".", func(name string, d fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case d.IsDir() && name != "." && (strings.ContainsAny(d.Name()[:1], "._") || d.Name() == "testdata"):
			return fs.SkipDir
		case d.IsDir() || !strings.HasSuffix(name, ".go") || strings.HasSuffix(name, "_test.go"):
			return nil
		}
		file, err := parser.ParseFile(token.NewFileSet(), name, nil, parser.ImportsOnly)
		if err != nil {
			return err
		}
		dir := path.Dir(name)
		imports[dir] = append(imports[dir], "") // a package that imports nothing is one, too
		for _, i := range file.Imports {
			imported, err := strconv.Unquote(i.Path.Value)
			if err != nil {
				return err
			}
			imports[dir] = append(imports[dir], imported)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	for dir, list := range imports {
		slices.Sort(list)
		imports[dir] = slices.Compact(list)
	}
	return imports
}
