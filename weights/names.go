package weights

import "strings"

// The keys of the metadata of Joule's files.
const (
	MetaFormat    = "format"        // Format
	MetaVersion   = "joule_version" // of the program that wrote the file
	MetaKernels   = "kernels"       // that the program ran, as package kernel names them; only checkpoints have it
	MetaOutput    = "output"        // what the network gives: energy, f or classifier
	MetaSpec      = "spec"          // the network as JSON
	MetaGenerator = "generator"     // the generator beside the network, as JSON; only models with one have it
	MetaConfig    = "config"        // the run's settings as YAML
	MetaCard      = "card"          // the rest of the model's card as JSON
	MetaOrigin    = "origin"        // where published weights come from, as JSON
	MetaState     = "state"         // the trainer's counters as JSON; only checkpoints have it
	MetaData      = "data"          // numbers and hashes of the images trained on, as JSON
	MetaGuard     = "guard"         // the guard's record as JSON
	MetaReplay    = "replay"        // "none" in a checkpoint that was saved without its replay buffer
)

// Format is what MetaFormat says in files of ours.
const Format = "joule"

// Tensors of a checkpoint besides the model's weights, which have PyTorch's
// names. What belongs to each weight has its name behind a prefix.
const (
	AdamM   = "adam.m."  // Adam's first moments
	AdamV   = "adam.v."  // and second moments
	Raw     = "raw."     // the weights that are trained, where the model is their average
	Average = "average." // the average, in a state that the guard keeps
	Guard   = "guard."   // all of a state that the guard keeps: its number and a dot follow

	Replay = "replay.images" // the replay buffer, n×C×H×W, newest first
	Ages   = "replay.ages"   // of its images and of the guard's
	Range  = "replay.range"  // the values of its first and its last level, where it has levels
	// GuardReplay has the images that only kept states have. They come after
	// those of Replay, newest first.
	GuardReplay = Guard + Replay
)

// OfModel reports whether a tensor of this name is one of the model itself, not
// of the state of its training.
func OfModel(name string) bool {
	for _, prefix := range []string{"adam.", Raw, Guard} {
		if strings.HasPrefix(name, prefix) {
			return false
		}
	}
	return name != Replay && name != Ages && name != Range
}
