// Copyright (c) 2026 the paddleseg_ext authors. Licensed under the Apache License, Version 2.0.
//
// The index math of psamask, for the CPU kernels, the CUDA kernels and the tests. It does not need Paddle.
#pragma once

#include <cstdint>

#if defined(__CUDACC__)
#define PSAMASK_HOST_DEVICE __host__ __device__
#else
#define PSAMASK_HOST_DEVICE
#endif

namespace psamask {

// The value for position p of the feature map and a position q that its mask reaches:
//   kCollect     map[q, p] = logits[offset(q - p), p]    (row of the map: the other position)
//   kDistribute  map[p, q] = logits[offset(q - p), p]    (row of the map: the own position)
enum Kind : int { kCollect = 0, kDistribute = 1 };

// Shapes of one call. Logits are (batch, mask_h * mask_w, height, width), the map is
// (batch, height * width, height, width), both contiguous.
struct Geometry {
  int64_t batch;
  int64_t height;
  int64_t width;
  int64_t mask_h;
  int64_t mask_w;

  // The mask cell (half_h, half_w) is the position itself. Odd and even masks have the same formula, so an even mask
  // reaches one position further down and right than up and left.
  PSAMASK_HOST_DEVICE int64_t half_h() const { return (mask_h - 1) / 2; }
  PSAMASK_HOST_DEVICE int64_t half_w() const { return (mask_w - 1) / 2; }
  PSAMASK_HOST_DEVICE int64_t positions() const { return height * width; }
  PSAMASK_HOST_DEVICE int64_t cells() const { return mask_h * mask_w; }
  PSAMASK_HOST_DEVICE int64_t logits_size() const { return batch * cells() * positions(); }
  PSAMASK_HOST_DEVICE int64_t map_size() const { return batch * positions() * positions(); }
};

}  // namespace psamask
