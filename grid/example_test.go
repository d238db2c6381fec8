package grid_test

import (
	"bytes"
	"fmt"
	"image"
	"image/gif"
	"log"
	"time"

	"github.com/joule-ml/joule/grid"
)

func Example() {
	images := make([]float32, 64*28*28) // 64 grey pictures of 28×28 pixels in [−1, 1]
	picture := grid.Make(images, 64, 1, 28, 28, grid.DefaultOptions())

	var file bytes.Buffer
	if err := grid.EncodePNG(&file, picture, []grid.Text{{Key: "seed", Value: "42"}}); err != nil {
		log.Fatal(err)
	}
	text, err := grid.ReadText(&file)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(picture.Bounds().Size(), text)
	// Output: (242,242) [{seed 42}]
}

// A chain's pictures on the way, side by side and one after another.
func ExampleFilmstrip() {
	var frames [][]float32
	for k := range 8 { // two chains of grey 28×28 pictures that become white
		frame := make([]float32, 2*28*28)
		for i := range frame {
			frame[i] = float32(k)/4 - 1
		}
		frames = append(frames, frame)
	}
	strip := grid.Filmstrip(frames, 2, 1, 28, 28, grid.DefaultOptions())
	fmt.Println(strip.Bounds().Size())

	film := grid.Animation{Delay: 100 * time.Millisecond, Hold: 2 * time.Second}
	for _, frame := range frames {
		film.Frames = append(film.Frames, grid.Make(frame, 2, 1, 28, 28, grid.DefaultOptions()))
	}
	var file bytes.Buffer
	if err := grid.EncodeGIF(&file, film, nil); err != nil {
		log.Fatal(err)
	}
	g, err := gif.DecodeAll(&file)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(len(g.Image), "frames of", g.Image[0].Bounds().Size(), "hundredths of a second", g.Delay)
	// Output:
	// (242,62)
	// 8 frames of (62,32) hundredths of a second [10 10 10 10 10 10 10 200]
}

// Values for NumPy: numpy.load("a.npy").
func ExampleEncodeNPY() {
	var file bytes.Buffer
	if err := grid.EncodeNPY(&file, make([]float32, 64*28*28), 64, 1, 28, 28); err != nil {
		log.Fatal(err)
	}
	fmt.Println(file.Len(), "bytes")
	// Output: 200832 bytes
}

func ExampleEncodeAPNG() {
	film := grid.Animation{Delay: time.Second, Hold: time.Second}
	for v := range 3 {
		film.Frames = append(film.Frames, grid.Make([]float32{float32(v) - 1}, 1, 1, 1, 1, grid.DefaultOptions()))
	}
	var file bytes.Buffer
	if err := grid.EncodeAPNG(&file, film, []grid.Text{{Key: "seed", Value: "42"}}); err != nil {
		log.Fatal(err)
	}
	first, _, err := image.Decode(&file) // as a viewer that knows no animations
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(first.At(0, 0))
	// Output: {0}
}
