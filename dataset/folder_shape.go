package dataset

import (
	"context"

	"github.com/joule-ml/joule/lane"
)

// chooseShape fills in what the caller left open. It leaves three channels where
// a picture may be in colour: what the colours of a palette are, and whether the
// picture can be read, is known only when it is decoded.
func (r *folderReader) chooseShape(ctx context.Context, pictures []picture) (lane.Shape, error) {
	const small, usual = 64, 32
	shape := r.shape
	if shape.C != 0 && shape.H != 0 {
		return shape, nil
	}
	headers, err := r.headers(ctx, pictures)
	if err != nil {
		return shape, err
	}
	same, gray, w, h := true, true, 0, 0
	for _, p := range headers {
		if p.width == 0 {
			continue // cannot be read
		}
		same = same && p.width <= small && p.height <= small && (w == 0 || p.width == w && p.height == h)
		gray = gray && p.gray
		w, h = p.width, p.height
	}
	if shape.H == 0 {
		shape.H, shape.W = usual, usual
		if same && w > 0 {
			shape.H, shape.W = h, w
		}
	}
	if shape.C == 0 {
		shape.C = 3
		if gray {
			shape.C = 1
		}
	}
	return shape, nil
}

// A header is what is known of a picture without decoding it. It is zero for
// one that cannot be read.
type header struct {
	width, height int // as seen
	gray          bool
}

// headers reads the headers of the pictures.
func (r *folderReader) headers(ctx context.Context, pictures []picture) ([]header, error) {
	headers := make([]header, len(pictures))
	each(ctx, len(pictures), func(i int) error {
		f, err := r.openPicture(&pictures[i])
		if err != nil {
			return err
		}
		defer f.Close()
		p, err := openHeader(f)
		if err == nil {
			h := header{gray: p.Gray}
			h.width, h.height = p.Orientation.Size(p.Width, p.Height)
			headers[i] = h
		}
		return err
	}, func(int) {})
	return headers, r.stopped(ctx)
}

// firstPlanes moves the first of the three planes of each image together: those
// of a gray picture are the same.
func firstPlanes(pixels []byte, n, plane int) {
	for i := range n {
		copy(pixels[i*plane:(i+1)*plane], pixels[3*i*plane:])
	}
}
