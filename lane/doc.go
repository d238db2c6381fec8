// Package lane lays images side by side, one per SIMD lane, and spreads blocks of
// them over workers. Start with Pack, Unpack and Pool.
package lane
