package kernel

import "os"

func forcedGeneric() bool { return os.Getenv("JOULE_KERNEL") == "generic" }
