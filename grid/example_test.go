package grid_test

import (
	"bytes"
	"fmt"
	"log"

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
