// Package dataset finds, fetches, verifies and reads the images a model is
// trained on.
//
// Open returns MNIST or Fashion-MNIST by name, from the first place that has
// it, or the pictures of a folder by its path; a Loader then hands out the images
// in batches, scaled to [−1, 1]. List, Verify and Fetch look after the files
// themselves, and ReadIDX reads files of the same format from elsewhere.
// ReadImage and DecodeImage read single pictures.
package dataset
