// Package nn is the network of an energy: layers that run forward, give the
// gradient with respect to their input, and give the gradient with respect to
// their parameters, on blocks of eight images side by side (package lane).
//
// Start with a Spec and New.
package nn
