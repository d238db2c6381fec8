package main

import (
	"strings"
	"testing"
)

// suggested are hints by wrong command lines.
var suggested = map[string]string{
	"train --epoch 3":            "did you mean --epochs?",
	"train --lr 1e-3":            "did you mean --set optimizer.learning_rate=0.0001?",
	"train --learning-rate 1e-3": "did you mean --set optimizer.learning_rate=0.0001?",
	"train --max_epochs 3":       "did you mean --epochs?",
	"train --batch_size 3":       "did you mean --batch-size?",
	"train --bs 3":               "did you mean --batch-size?",
	"train -epochs 3":            "did you mean --epochs?",
	"train --EPOCHS 3":           "did you mean --epochs?",
	"train --gpus 1":             "everything is computed on the processor: --threads says on how many cores",
	"train --device cuda":        "everything is computed on the processor: --threads says on how many cores",
	"train --num-workers 4":      "did you mean --threads?",
	"train --outdir x":           "did you mean --run-dir?",
	"train --output x":           "did you mean --run-dir?",
	"train --log-dir x":          "did you mean --run-dir?",
	"train --dataset mnist":      "did you mean --data?",
	"train --ckpt_path x":        "did you mean --resume?",
	"train --manual-seed 1":      "did you mean --seed?",
	"train --sampler.steps 3":    "did you mean --set sampler.steps=60?",
	"train --hidden-features 3":  "did you mean --set network.hidden_features=32?",
	"train --cofnig x":           "did you mean --config?",
	"train --version":            "joule version prints the version",
	"train --filmstrip x":        "--filmstrip is a flag of joule sample",
	"train --gif x":              "--gif is a flag of joule sample",
	"train --wholly-unlike-any":  "see joule train --help",
	"sample --epochs 3":          "--epochs is a flag of joule train",
	"sample --num-samples 8":     "did you mean --count?",
	"sample --out x":             "did you mean --output?",
	"sample --ckpt x":            "did you mean --checkpoint?",
	"eval --device cpu":          "everything is computed on the processor: --threads says on how many cores",
	"runs rm --force x":          "did you mean --yes?",
	"sample -n many":             "it means: number of images",
	"score -o x":                 "it goes to standard output: add > FILE",
	"bench --output x":           "it goes to standard output: add > FILE",
	"runs show --out x":          "it goes to standard output: add > FILE",
	"runs compare --out x":       "did you mean --output?",
	"runs list --log-dir x":      "did you mean --run-dir?",
	"run list":                   `did you mean "joule runs"?`,
	"rusn list":                  `did you mean "joule runs"?`,
	"modles":                     `did you mean "joule models"?`,
	"TRAIN":                      `did you mean "joule train"?`,
	"generate":                   `did you mean "joule sample"?`,
	"evaluate":                   `did you mean "joule eval"?`,
	"download":                   "see joule --help",
	"data download":              `did you mean "joule data fetch"?`,
	"data ls":                    `did you mean "joule data list"?`,
	"runs delete x":              `did you mean "joule runs rm"?`,
	"runs info":                  `did you mean "joule runs show"?`,
	"models info":                `did you mean "joule models show"?`,
	"--vresion":                  "did you mean --version?",
	"train --set lr=1":           `did you mean "optimizer.learning_rate"?`,
	"train --set max_epochs=1":   `did you mean "epochs"?`,
	"train --set steps=1":        `did you mean "sampler.steps"?`,
}

// TestSuggestions: a flag that others have, or that is misspelt, leads to ours.
func TestSuggestions(t *testing.T) {
	for line, want := range suggested {
		a, _, stderr := testApp()
		if code := a.run(strings.Fields(line)); code != exitUsage {
			t.Errorf("%s: exit code %d", line, code)
		}
		if _, hint, _ := strings.Cut(stderr.String(), "\nhint: "); !strings.HasPrefix(hint, want) {
			t.Errorf("%s: %s, want %s", line, strings.TrimSpace(stderr.String()), want)
		}
	}
}
