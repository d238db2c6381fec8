// Package program says what program this is: its version, the Go release that built
// it and the kernels that it runs.
package program

import (
	"runtime"
	"runtime/debug"

	"github.com/joule-ml/joule/internal/kernel"
)

const modulePath = "github.com/joule-ml/joule"

// Version returns the version of the module that the program was built from,
// "devel" where it was built from a checkout.
func Version() string {
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return "devel"
	}
	version := info.Main.Version
	for _, d := range info.Deps {
		if d.Path == modulePath {
			version = d.Version
		}
	}
	if version == "" || version == "(devel)" {
		return "devel"
	}
	return version
}

// Describe names the program with its version, the Go release, system and
// architecture, and the instruction set of the kernels: all that decides bits.
func Describe() (software, release, kernels string) {
	return "joule " + Version(), runtime.Version() + " " + runtime.GOOS + "/" + runtime.GOARCH, kernel.Name()
}
