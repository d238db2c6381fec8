package imagefile_test

import (
	"encoding/base64"
	"image"
	"image/color"
	"strings"
	"testing"

	"github.com/joule-ml/joule/internal/imagefile"
)

// WebP pictures of 3 × 2 pixels that Pillow wrote.
const (
	webpLossless = "UklGRjYAAABXRUJQVlA4TCkAAAAvAkAAAC8gFkyGlf8VokAgyZ9hoLFGZv6DhwligECAMlYcc0FE/2N9AAA="
	webpTurned   = "UklGRmoAAABXRUJQVlA4WAoAAAAIAAAAAgAAAQAAVlA4TCkAAAAvAkAAAC8gFkyGlf8VokAgyZ9hoLFGZv6DhwligECAMlYcc0FE/2N9AABFWElGGgAAAElJKgAIAAAAAQASAQQAAQAAAAYAAAAAAAAA"
	webpAlpha    = "UklGRmAAAABXRUJQVlA4WAoAAAAQAAAAAgAAAQAAQUxQSAcAAAAAgICAgICAAFZQOCAyAAAA0AEAnQEqAwACAADAEiWgAnS6AfgAA7AA/tom/+7zftPXtPX9TP/4yp8gP+Mqf8XMAAA="
	webpLossy    = "UklGRj4AAABXRUJQVlA4IDIAAADQAQCdASoDAAIAAMASJaACdLoB+AADsAD+2ib/7vN+09e09f1M//jKnyA/4yp/xcwAAA=="
	webpAnimated = "UklGRqwAAABXRUJQVlA4WAoAAAACAAAAAgAAAQAAQU5JTQYAAAAAAAAAAABBTk1GPgAAAAAAAAAAAAIAAAEAAAAAAAJWUDhMJQAAAC8CQAAALyAWTMLK/xrikI3M/EeGAwegkG0EOHSvxylcRP9jeQEAQU5NRjoAAAAAAAAAAAACAAABAAAAAAAAVlA4TCEAAAAvAkAAAC8gFkzCyv8a4pCNzPxHhgMHIBAgQ7xYENH/2AAA"
)

func webp(t testing.TB, text string) []byte {
	t.Helper()
	b, err := base64.StdEncoding.DecodeString(text)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func TestWebP(t *testing.T) {
	colours := image.NewNRGBA(image.Rect(0, 0, 3, 2))
	plain, half := image.NewNRGBA(colours.Rect), image.NewNRGBA(colours.Rect)
	for y := range 2 {
		for x := range 3 {
			colours.Set(x, y, color.NRGBA{byte(100 * x), byte(200 * y), 50, 255})
			// As libwebp has it, and not with the colours of JPEG.
			plain.Set(x, y, color.NRGBA{201, 100, 50, 255})
			half.Set(x, y, color.NRGBA{201, 100, 50, 128})
		}
	}
	for name, test := range map[string]struct {
		text string
		want image.Image
	}{
		"lossless": {webpLossless, colours}, "turned": {webpTurned, colours}, "first frame": {webpAnimated, colours},
		"lossy": {webpLossy, plain}, "lossy with alpha": {webpAlpha, half},
	} {
		got, gray := decode(t, webp(t, test.text))
		if gray || !same(got, test.want) {
			t.Errorf("%s: gray %v, %v", name, gray, got)
		}
		want := imagefile.Orientation(0)
		if test.text == webpTurned {
			want = 6
		}
		if o := orientation(t, string(webp(t, test.text))); o != want {
			t.Errorf("%s: orientation %d", name, o)
		}
	}
}

func TestWebPFaults(t *testing.T) {
	still, film, turned := webp(t, webpLossless), webp(t, webpAnimated), webp(t, webpTurned)
	for n := range len(still) - 2 {
		if failure(still[:n]) == nil {
			t.Errorf("the first %d of %d bytes went through", n, len(still))
		}
	}
	for name, test := range map[string]struct {
		file []byte
		want string
	}{
		"a frame beyond":   {changed(film, 52, 1), "not within its canvas"},
		"a frame's size":   {changed(film, 58, 1), "not of its size"},
		"another canvas":   {changed(turned, 24, 1), "not within its canvas"},
		"a huge canvas":    {changed(changed(turned, 26, 255), 29, 255), "more than 50000000"},
		"a chunk too long": {changed(still, 18, 200), "unexpected EOF"},
		"no picture":       {changed(still, 15, 'X'), "without a picture"},
		"no magic":         {changed(still, 20, 0), "has no header"},
	} {
		if err := failure(test.file); err == nil || !strings.Contains(err.Error(), test.want) {
			t.Errorf("%s: %v, want %q", name, err, test.want)
		}
	}
	if got, _ := decode(t, append(still, "more"...)); got.Bounds().Dx() != 3 {
		t.Error(got.Bounds())
	}
}
