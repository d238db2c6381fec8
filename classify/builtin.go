// Package classify holds classifiers of the data sets that Joule knows, trained
// by Joule, each in less than a megabyte. Their features are a fixed space in
// which samples can be compared with data, and their classes tell what was
// drawn. Start with BuiltIn.
//
// The command in tools/train-classifier made the files, and makes the same
// bytes again.
package classify

import (
	"bytes"
	_ "embed"
	"fmt"
	"strings"
	"sync"

	"github.com/joule-ml/joule/dataset"
)

//go:generate go run ../tools/train-classifier -out mnist.safetensors mnist
//go:generate go run ../tools/train-classifier -out fashion-mnist.safetensors fashion-mnist

var (
	//go:embed mnist.safetensors
	mnist []byte
	//go:embed fashion-mnist.safetensors
	fashionMNIST []byte
)

// classifiers are read when they are first asked for.
var classifiers = []struct {
	name string
	load func() *Classifier
}{
	{"mnist", sync.OnceValue(func() *Classifier { return decodeBuiltIn(mnist) })},
	{"fashion-mnist", sync.OnceValue(func() *Classifier { return decodeBuiltIn(fashionMNIST) })},
}

func decodeBuiltIn(b []byte) *Classifier {
	c, err := Decode(bytes.NewReader(b), int64(len(b)))
	if err != nil {
		panic("classify: " + err.Error()) // the tests read them all
	}
	return c
}

// Names returns the data sets that have a classifier.
func Names() []string {
	var names []string
	for _, c := range classifiers {
		names = append(names, c.name)
	}
	return names
}

// BuiltIn returns the classifier of a data set, by the name that package dataset
// has for it. All
// callers share it. For another data set the error is a [*dataset.Error].
func BuiltIn(name string) (*Classifier, error) {
	for _, c := range classifiers {
		if c.name == name {
			return c.load(), nil
		}
	}
	return nil, &dataset.Error{
		File: name, What: "there is no classifier for this data set",
		Hint: fmt.Sprintf("those of %s have one", strings.Join(Names(), " and ")),
	}
}
