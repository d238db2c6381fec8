package setting

import "strings"

// elsewhere are settings by the names that PyTorch Lightning, Hugging Face and
// the usual scripts give them. A key that is not there may be one of a program's
// own list.
var elsewhere = map[string]string{
	"lr": "optimizer.learning_rate", "alpha_lr": "optimizer.learning_rate", "learn_rate": "optimizer.learning_rate",
	"betas": "optimizer.beta1", "eps": "optimizer.epsilon", "gradient_clip_val": "optimizer.grad_clip_norm", "clip_grad_norm": "optimizer.grad_clip_norm",
	"bs": "batch_size", "batch": "batch_size", "train_batch_size": "batch_size", "per_device_train_batch_size": "batch_size",
	"max_epochs": "epochs", "num_epochs": "epochs", "n_epochs": "epochs", "num_train_epochs": "epochs", "nb_epochs": "epochs",
	"random_seed": "seed", "random_state": "seed", "manual_seed": "seed", "dataset": "data", "max_time": "max_minutes",
	"langevin_steps": "sampler.steps", "num_steps": "sampler.steps", "n_steps": "sampler.steps", "mcmc_steps": "sampler.steps",
	"lr_decay": "schedule.gamma", "ema_decay": "ema.decay", "buffer_size": "buffer.size", "val_split": "holdout", "validation_split": "holdout",
	"hidden_dim": "network.hidden_features", "hidden_size": "network.hidden_features",
}

// Meant returns the setting that a word names: a key, the last part of one, or
// what other programs call it.
func (l List) Meant(word string) (Setting, bool) {
	word = strings.ToLower(word)
	if key, ok := elsewhere[word[strings.LastIndexByte(word, '.')+1:]]; ok {
		if s, ok := l.Find(key); ok {
			return s, true
		}
	}
	for _, s := range l {
		if s.Key == word || s.name() == word {
			return s, true
		}
	}
	return Setting{}, false
}

// meantEnv returns the variable of the setting that one by another name means, as
// JOULE_OPTIMIZER_LR means the learning rate, or "".
func (l List) meantEnv(name string) string {
	word := strings.ToLower(strings.TrimPrefix(name, envPrefix))
	if s, ok := l.Meant(word); ok {
		return s.Env()
	}
	if section, last, ok := strings.Cut(word, "_"); ok {
		if s, ok := l.Meant(last); ok && strings.HasPrefix(s.Key, section+".") {
			return s.Env()
		}
	}
	return ""
}
