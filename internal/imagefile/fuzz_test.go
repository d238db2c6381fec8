package imagefile_test

import (
	"bytes"
	"encoding/binary"
	"image/color"
	"image/gif"
	"strings"
	"testing"

	"github.com/joule-ml/joule/internal/imagefile"
)

func FuzzDecode(f *testing.F) {
	photo, plain := asJPEG(f, grayed(8, 8)), asPNG(f, painted(3, 2))
	turned := segment(0xe1, "Exif\x00\x00"+directory(binary.BigEndian, 3, 6))
	f.Add(plain)
	f.Add(append(bytes.Clone(plain[:33]), append(pngChunk("eXIf", directory(binary.LittleEndian, 4, 6)), plain[33:]...)...))
	for kind, text := range map[string]string{
		"zTXt": "Raw profile type exif\x00\x00" + deflated(profile(directory(binary.LittleEndian, 3, 6))), "iTXt": "XML:com.adobe.xmp\x00\x00\x00\x00\x00tiff:Orientation=\"6\"",
	} {
		f.Add(append(bytes.Clone(plain[:33]), append(pngChunk(kind, text), plain[33:]...)...))
	}
	f.Add(append([]byte(string(photo[:2])+"\xff\xff"+turned), photo[2:]...))
	f.Add(asGIF(f, indexed(2, color.White, color.Black)))
	f.Add(grayAlphaPNG())
	f.Add(asBMP(f, indexed(2, color.White, color.Black))[14:])
	f.Add(asTIFF(binary.BigEndian, strings.Repeat("x", 64), tag{274, []uint32{6}}))
	f.Add(asTIFF(binary.LittleEndian, strings.Repeat("x", 64), tag{259, []uint32{4}}, tag{258, []uint32{1}}))
	for _, text := range []string{webpTurned, webpAlpha, webpAnimated} {
		f.Add(webp(f, text))
	}
	f.Fuzz(func(t *testing.T, file []byte) {
		p, err := imagefile.Open(bytes.NewReader(file), int64(len(file)))
		if err == nil && p.Width*p.Height > 1<<16 {
			t.Skip("a large picture takes its time")
		}
		if err == nil {
			m, gray, bad := p.Decode()
			if err = bad; err == nil {
				if b := m.Bounds(); b.Dx() != p.Width || b.Dy() != p.Height || p.Orientation < 0 || p.Orientation > 8 {
					t.Fatalf("%v of %+v", b, p)
				}
				again, alike, err := p.Decode()
				if err != nil || gray != alike || !same(m, again) {
					t.Fatalf("not the same twice: %v", err)
				}
			}
		}
		if err != nil && strings.Contains(err.Error(), "EOF") && !strings.Contains(err.Error(), "unexpected EOF") {
			t.Fatalf("a picture that is cut off: %v", err)
		}
	})
}

// FuzzGIF: what package image/gif reads, too, is read alike. Of fields whose
// lengths are wrong the two make different things: image/gif takes thirteen bytes
// of a plain text extension whatever length it gives.
func FuzzGIF(f *testing.F) {
	f.Add(asGIF(f, indexed(2, color.White, color.Black)))
	f.Add(asGIF(f, indexed(3, color.White, color.RGBA{}, color.Black), indexed(2, color.White, color.Black)))
	f.Fuzz(func(t *testing.T, file []byte) {
		c, err := gif.DecodeConfig(bytes.NewReader(file))
		if err != nil || c.Width < 1 || c.Height < 1 || c.Width*c.Height > 1<<16 {
			t.Skip()
		}
		if bytes.Count(file, []byte("!\x01")) != bytes.Count(file, []byte("!\x01\x0c")) {
			t.Skip()
		}
		want, err := gif.Decode(bytes.NewReader(file))
		if err != nil || want.Bounds().Empty() {
			t.Skip()
		}
		if failure(file) != nil {
			t.Skip()
		}
		got, _ := decode(t, file)
		if got.Bounds() == want.Bounds() && !same(got, want) {
			t.Fatal("other pixels")
		}
	})
}
