// Package dataset finds, fetches, verifies and reads the images a model is
// trained on.
//
// Open returns MNIST or Fashion-MNIST by name, from the first place that has
// it; a Loader then hands out its images in batches, scaled to [−1, 1]. List,
// Verify and Fetch look after the files themselves, and ReadIDX reads files of
// the same format from elsewhere.
package dataset
