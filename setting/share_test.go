package setting_test

import (
	"errors"
	"testing"

	"github.com/joule-ml/joule/setting"
)

// TestShare: a share may be written in percent where the setting takes one.
func TestShare(t *testing.T) {
	var v float64
	s := setting.Setting{Key: "holdout", Value: &v, Hi: 1e9, Share: true}
	for text, want := range map[string]float64{"10%": 0.1, "10 %": 0.1, "0.5%": 0.005, "0%": 0, "75%": 0.75, "0.1": 0.1, "5000": 5000, "1": 1} {
		if err := s.Set(text); err != nil || v != want {
			t.Errorf("%q: %v, %v", text, v, err)
		}
	}
	for _, text := range []string{"100%", "-1%", "%", "10%%", "x%", "nan%", "1000%"} {
		var bad *setting.Error
		if err := s.Set(text); !errors.As(err, &bad) || v < 0 {
			t.Errorf("%q: %v, %v", text, v, err)
		}
	}
	s.Share = false
	if err := s.Set("10%"); err == nil {
		t.Error("percent of what is no share")
	}
}
