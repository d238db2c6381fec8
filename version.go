package joule

import "runtime/debug"

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
