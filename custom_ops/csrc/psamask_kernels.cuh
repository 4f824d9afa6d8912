// Copyright (c) 2026 the paddleseg_ext authors. Licensed under the Apache License, Version 2.0.
//
// psamask on a CUDA device: the kernels. They do not need Paddle.
//
// The kernels gather: a thread owns cells of the output, finds the source of each, and writes it once. The output is
// not cleared first, and no atomics and no order between threads are needed.
//
// Collect: consecutive own positions p are consecutive in the logits and in the map. Consecutive threads take
// consecutive p, so both sides are coalesced. Distribute: p runs along the logits, but down the map. Tiles go through
// shared memory, so both sides are coalesced.
#pragma once

#include "psamask_geometry.h"

namespace psamask {
namespace cuda {

constexpr int kTile = 32;
constexpr int kTileRows = 8;

// map[q, p] = logits[offset(q - p), p]. Threads: columns p; blockIdx.y: rows (n, q), strided.
template <typename T>
__global__ void collect_kernel(const T* __restrict__ logits, T* __restrict__ map, Geometry g) {
  const int64_t hw = g.positions();
  const int64_t p = blockIdx.x * static_cast<int64_t>(blockDim.x) + threadIdx.x;
  if (p >= hw) return;
  const int64_t own_h = p / g.width, own_w = p % g.width;
  for (int64_t row = blockIdx.y; row < g.batch * hw; row += gridDim.y) {
    const int64_t n = row / hw, q = row % hw;
    const int64_t i = q / g.width - own_h + g.half_h(), j = q % g.width - own_w + g.half_w();
    const bool reached = i >= 0 && i < g.mask_h && j >= 0 && j < g.mask_w;
    map[row * hw + p] = reached ? logits[(n * g.cells() + i * g.mask_w + j) * hw + p] : T(0);
  }
}

// logits_grad[offset, p] = map_grad[p + offset, p]
template <typename T>
__global__ void collect_grad_kernel(const T* __restrict__ map_grad, T* __restrict__ logits_grad, Geometry g) {
  const int64_t hw = g.positions();
  const int64_t p = blockIdx.x * static_cast<int64_t>(blockDim.x) + threadIdx.x;
  if (p >= hw) return;
  const int64_t own_h = p / g.width, own_w = p % g.width;
  for (int64_t row = blockIdx.y; row < g.batch * g.cells(); row += gridDim.y) {
    const int64_t n = row / g.cells(), cell = row % g.cells();
    const int64_t h = own_h + cell / g.mask_w - g.half_h(), w = own_w + cell % g.mask_w - g.half_w();
    const bool on_map = h >= 0 && h < g.height && w >= 0 && w < g.width;
    logits_grad[row * hw + p] = on_map ? map_grad[(n * hw + h * g.width + w) * hw + p] : T(0);
  }
}

// map[p, q] = logits[offset(q - p), p]. A block of threads makes tiles of the map: own columns down, other columns
// across, for one (n, own image row, other image row). The logits of such a tile are a band of offsets by own columns,
// and are read along the own columns; the tile transposes them.
template <typename T>
__global__ void distribute_kernel(const T* __restrict__ logits, T* __restrict__ map, Geometry g, int64_t jobs,
                                  int64_t tiles) {
  // Offset j = other - own + half: for a kTile x kTile tile of the map these are 2 * kTile - 1 logits rows.
  __shared__ T band[2 * kTile][kTile + 1];
  const int64_t hw = g.positions();
  for (int64_t job = blockIdx.x; job < jobs; job += gridDim.x) {
    int64_t rest = job;
    const int64_t other_w0 = rest % tiles * kTile;
    rest /= tiles;
    const int64_t own_w0 = rest % tiles * kTile;
    rest /= tiles;
    const int64_t other_h = rest % g.height;
    rest /= g.height;
    const int64_t own_h = rest % g.height;
    const int64_t n = rest / g.height;

    const int64_t i = other_h - own_h + g.half_h();
    const int64_t j0 = other_w0 - own_w0 - (kTile - 1) + g.half_w();
    const bool row_reached = i >= 0 && i < g.mask_h;
    for (int k = threadIdx.y; k < 2 * kTile - 1; k += kTileRows) {
      const int64_t j = j0 + k, own_w = own_w0 + threadIdx.x;
      const bool reached = row_reached && j >= 0 && j < g.mask_w && own_w < g.width;
      band[k][threadIdx.x] = reached ? logits[(n * g.cells() + i * g.mask_w + j) * hw + own_h * g.width + own_w] : T(0);
    }
    __syncthreads();
    const int64_t other_w = other_w0 + threadIdx.x;
    for (int r = threadIdx.y; r < kTile; r += kTileRows) {
      const int64_t own_w = own_w0 + r;
      if (own_w < g.width && other_w < g.width) {
        map[(n * hw + own_h * g.width + own_w) * hw + other_h * g.width + other_w] =
            band[threadIdx.x - r + kTile - 1][r];
      }
    }
    __syncthreads();
  }
}

// logits_grad[offset, p] = map_grad[p, p + offset]. A block of threads makes tiles of the gradient: offsets j down, own
// columns across, for one (n, offset row i, own image row). It reads along the other columns and writes along the own
// columns.
template <typename T>
__global__ void distribute_grad_kernel(const T* __restrict__ map_grad, T* __restrict__ logits_grad, Geometry g,
                                       int64_t jobs, int64_t mask_tiles, int64_t tiles) {
  __shared__ T tile[kTile][kTile + 1];
  const int64_t hw = g.positions();
  for (int64_t job = blockIdx.x; job < jobs; job += gridDim.x) {
    int64_t rest = job;
    const int64_t own_w0 = rest % tiles * kTile;
    rest /= tiles;
    const int64_t j0 = rest % mask_tiles * kTile;
    rest /= mask_tiles;
    const int64_t own_h = rest % g.height;
    rest /= g.height;
    const int64_t i = rest % g.mask_h;
    const int64_t n = rest / g.mask_h;

    const int64_t other_h = own_h + i - g.half_h();
    for (int r = threadIdx.y; r < kTile; r += kTileRows) {
      const int64_t own_w = own_w0 + r, j = j0 + threadIdx.x, other_w = own_w + j - g.half_w();
      const bool on_map =
          own_w < g.width && j < g.mask_w && other_h >= 0 && other_h < g.height && other_w >= 0 && other_w < g.width;
      tile[r][threadIdx.x] =
          on_map ? map_grad[(n * hw + own_h * g.width + own_w) * hw + other_h * g.width + other_w] : T(0);
    }
    __syncthreads();
    const int64_t own_w = own_w0 + threadIdx.x;
    for (int r = threadIdx.y; r < kTile; r += kTileRows) {
      const int64_t j = j0 + r;
      if (j < g.mask_w && own_w < g.width) {
        logits_grad[(n * g.cells() + i * g.mask_w + j) * hw + own_h * g.width + own_w] = tile[threadIdx.x][r];
      }
    }
    __syncthreads();
  }
}

}  // namespace cuda
}  // namespace psamask
