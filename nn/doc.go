// Package nn is the network of an energy, or of a classifier: layers that run
// forward, give the gradient with respect to their input, and give the gradient
// with respect to their parameters, on blocks of eight images side by side
// (package lane). Networks with more than an energy name their outputs.
//
// Start with a Spec and New.
package nn
