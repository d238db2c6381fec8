// Package lane lays images side by side, one per SIMD lane, and names the
// counter-based random streams. Start with Pack, Unpack and Stream.
package lane
