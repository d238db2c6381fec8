// Package judge measures how good a model is: how close its samples come to
// real images, how well its energies tell those from others, and whether its
// chains have mixed. It knows nothing of models: every measure is a function
// of numbers that the caller brings.
//
// Samples are compared in a space of Features, which a classifier's last
// layer or the pixels themselves give: FrechetDistance, NewManifold (precision,
// recall, density, coverage), Nearest and NewCopying (memorisation),
// NewDiversity; InceptionScore and NewLabels take the probabilities of a
// classifier. AUROC, FPR and Threshold judge scores, and Outliers makes images
// to judge them by. RHat and EffectiveSize judge chains.
//
// Scores are high for images of the model's own kind, as −E(x) is.
//
// What is measured on the same numbers is the same to the last bit for any
// number of workers.
package judge
