package kernel

//go:generate go -C ../../_asm run . -out ../internal/kernel/kernels_amd64.s -stubs ../internal/kernel/kernels_amd64.go -pkg kernel
//go:generate go -C ../../_asm run ./arm64 -out ../internal/kernel/kernels_arm64.s -stubs ../internal/kernel/kernels_arm64.go
