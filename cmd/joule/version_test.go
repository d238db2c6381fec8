package main

import (
	"strings"
	"testing"
)

func TestKernelReason(t *testing.T) {
	for _, test := range []struct {
		name, arch, asked string
		tags              []string
		want              string
	}{
		{"avx2", "amd64", "", nil, "they are the fastest that the processor has"},
		{"avx2", "amd64", "avx512", nil, "they are the fastest that the processor has"},
		{"avx2", "amd64", "avx2", nil, "JOULE_KERNEL=avx2 asks for them"},
		{"generic", "amd64", "generic", []string{"a", "purego"}, "the program was built with the tag purego"},
		{"generic", "wasm", "generic", nil, "there are no others for wasm"},
		{"neon", "arm64", "", nil, "they are the fastest that the processor has"},
		{"neon", "arm64", "neon", nil, "JOULE_KERNEL=neon asks for them"},
		{"generic", "arm64", "generic", nil, "JOULE_KERNEL=generic asks for them"},
		{"generic", "amd64", "generic", nil, "JOULE_KERNEL=generic asks for them"},
		{"generic", "amd64", "", nil, "the processor does not have both AVX2 and FMA"},
	} {
		if got := kernelReason(test.name, test.arch, test.asked, test.tags); got != test.want {
			t.Errorf("%v: %q", test, got)
		}
	}
}

func TestParseModel(t *testing.T) {
	for info, want := range map[string]string{
		"processor\t: 0\nmodel name\t: AMD  EPYC 7763 \nmodel name\t: second\n": "AMD EPYC 7763",
		"processor\t: 0\nBogoMIPS\t: 50.00\n":                                   "",
		"model name\t: with: a colon":                                           "with: a colon",
		"model name":                                                            "",
		"":                                                                      "",
	} {
		if got := parseModel([]byte(info)); got != want {
			t.Errorf("%q: %q, want %q", info, got, want)
		}
	}
	if p := processor(); p == "" || strings.Contains(p, "\n") {
		t.Errorf("this processor is %q", p)
	}
}
