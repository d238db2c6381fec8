package classify

import "math"

// softmax sets p[k] = exp(z_k)/Σⱼ exp(z_j). The largest logit is subtracted
// first, so that nothing overflows. A logit that is not finite, but for −∞
// beside others, gives NaN.
func softmax(p, logits []float32) {
	top, sum := largest(logits), 0.0
	for _, z := range logits {
		sum += math.Exp(float64(z) - top)
	}
	for k, z := range logits {
		p[k] = float32(math.Exp(float64(z)-top) / sum)
	}
}

// crossEntropy is the loss of a classifier over N images, of which logits and
// dLogits have a row of K each:
//
//	L = 1/N Σᵢ (log Σⱼ exp(z_ij) − z_i,label(i))
//
// It sets the cotangents ∂L/∂z_ik = (softmax(z_i)_k − [k = label(i)])/N and
// returns the loss and how many images have their label's logit above all
// others.
func crossEntropy(dLogits, logits []float32, labels []byte) (loss float64, correct int) {
	k := len(logits) / len(labels)
	for i, label := range labels {
		z := logits[i*k : (i+1)*k]
		loss += imageLoss(dLogits[i*k:(i+1)*k], z, label, len(labels))
		if predicted(z) == int(label) {
			correct++
		}
	}
	return loss, correct
}

// imageLoss is what one of n images adds to the loss. It sets the cotangents of
// its logits z.
func imageLoss(dz, z []float32, label byte, images int) float64 {
	n, top, sum := float64(images), largest(z), 0.0
	for _, v := range z {
		sum += math.Exp(float64(v) - top)
	}
	for j, v := range z {
		dz[j] = float32(math.Exp(float64(v)-top) / sum / n)
	}
	dz[label] -= float32(1 / n)
	return (top + math.Log(sum) - float64(z[label])) / n
}

func largest(z []float32) float64 {
	top := z[0]
	for _, v := range z {
		top = max(top, v) // NaN if one is
	}
	return float64(top)
}

// predicted returns the class of the largest logit, −1 where it is not the
// only one or one is NaN.
func predicted(z []float32) int {
	best, only := 0, z[0] == z[0]
	for k, v := range z[1:] {
		switch {
		case v > z[best]:
			best, only = k+1, true
		case v == z[best]:
			only = false
		case v != v:
			return -1
		}
	}
	if !only {
		return -1
	}
	return best
}
