package dataset

import (
	"context"
	"fmt"
	"io"
	"time"

	"github.com/joule-ml/joule/internal/fetch"
)

// limits bound how long a source may take. Another source follows one that
// fails.
type limits struct {
	fetch.Limits               // for one file from one mirror
	module       time.Duration // for the go command
}

func defaultLimits() limits {
	return limits{fetch.DefaultLimits(), 5 * time.Minute}
}

// download gets the file from a mirror into path.
func (f *finder) download(ctx context.Context, mirror string, file *file, path string) error {
	if f.client == nil {
		f.client = fetch.NewClient(f.limits.Limits)
	}
	source := mirror + file.gz()
	stored := false // whether store had a say, which names the source itself
	err := fetch.Get(ctx, f.client, f.limits.Limits, source, file.largest(), func(body io.Reader, total int64) error {
		stored = true
		return f.store(file, path, source, body, total)
	})
	if err != nil && !stored {
		err = fmt.Errorf("dataset: %s: %w", source, err)
	}
	return err
}
