// Package joule trains energy-based models of images and draws from them. An
// energy E(x) gives an image a number, and a low energy means a likely image.
//
// Start with [NewTrainer] and [Trainer.Fit], then ask [Trainer.Model] for the
// model and [Model.Sample] for images. The whole of it, without the handling of
// errors:
//
//	ctx := context.Background()
//	train, test, _ := dataset.Open(ctx, "mnist", dataset.Options{})
//	trainer, _ := joule.NewTrainer(joule.DefaultConfig(), train, test)
//	_ = trainer.Fit(ctx)
//	model := trainer.Model()
//	_ = model.Save("model.safetensors")
//	samples, _ := model.Sample(ctx, joule.DefaultSampleConfig())
//
// The function Fit of package record does the same and leaves a run's folder
// with metrics, pictures and checkpoints, as the command joule train does.
// [LoadModel] reads a model, [ResumeTrainer] goes on with a checkpoint, and a
// [Callback] watches a training.
//
// # What is promised
//
// Bits: the same seed and version give the same weights and images, on any number
// of cores, with AVX2, AVX-512 and NEON. A run that was stopped and resumed has
// the bits of one that was not. The kernels in Go, for other processors, round
// otherwise.
//
// Files: every later version reads the models and checkpoints of this one. The
// names of tensors, of metadata and of settings stay; a new setting has the
// default that old files mean.
//
// Go: until version 1 the names in these packages may change.
//
// # Reading the code
//
// The reading order is the path of a training step: train.go, then
// objective/contrastive.go, replay/buffer.go, engine/engine.go,
// sampler/langevin.go, engine/pass.go and objective/part.go; after these
// history.go and cure.go, which go back and change something when a training
// diverges, callback.go, state.go and resume.go. docs/architecture.md is the map,
// docs/energy.md the mathematics.
package joule
