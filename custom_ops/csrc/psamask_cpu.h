// Copyright (c) 2026 the paddleseg_ext authors. Licensed under the Apache License, Version 2.0.
//
// psamask on the CPU. No Paddle in here.
//
// The map is a grid of blocks: block (a, b) holds the rows of the positions of image row a and the columns of
// the positions of image row b. Only one row of mask cells meets a block, so a block is either all zero or one
// two-dimensional rearrangement. Every output cell is written exactly once: there is no zero pass.
#pragma once

#include <algorithm>
#include <cstdint>
#include <thread>
#include <vector>

#include "psamask_geometry.h"

namespace psamask {
namespace cpu {

// Threads are started per call (some 20 microseconds each) rather than taken from OpenMP: Paddle sets
// OMP_NUM_THREADS=1 on import, and a GNU OpenMP pool does not survive the fork of a data loader.
constexpr int64_t kBytesPerThread = 256 * 1024;

template <typename Work>
void parallel_for(int64_t count, int64_t bytes, int max_threads, const Work& work) {
  int64_t threads = std::min<int64_t>({count, bytes / kBytesPerThread, max_threads});
  if (threads <= 1) {
    for (int64_t k = 0; k < count; ++k) work(k);
    return;
  }
  std::vector<std::thread> pool;
  auto span = [&](int64_t t) {
    for (int64_t k = count * t / threads; k < count * (t + 1) / threads; ++k) work(k);
  };
  for (int64_t t = 1; t < threads; ++t) pool.emplace_back(span, t);
  span(0);
  for (auto& thread : pool) thread.join();
}

// Rows of blocks are `stride` elements apart, both in the source and in the destination.
template <typename T>
struct Block {
  T* out;
  const T* in;
  int64_t stride;
  int64_t width;
  int64_t mask_w;
  int64_t half_w;
};

constexpr int64_t kStrip = 16;

// out[r][c] = in[r - c + half][c]
template <typename T>
void collect_block(const Block<T>& b) {
  for (int64_t c0 = 0; c0 < b.width; c0 += kStrip) {
    const int64_t c1 = std::min(b.width, c0 + kStrip);
    for (int64_t r = 0; r < b.width; ++r) {
      T* out = b.out + r * b.stride;
      const int64_t first = std::min(std::max(r + b.half_w - b.mask_w + 1, c0), c1);
      const int64_t last = std::max(std::min(r + b.half_w + 1, c1), first);
      for (int64_t c = c0; c < first; ++c) out[c] = 0;
      for (int64_t c = first; c < last; ++c) out[c] = b.in[(r - c + b.half_w) * b.stride + c];
      for (int64_t c = last; c < c1; ++c) out[c] = 0;
    }
  }
}

// out[r][c] = in[r + c - half][c]
template <typename T>
void collect_block_grad(const Block<T>& b) {
  for (int64_t c0 = 0; c0 < b.width; c0 += kStrip) {
    const int64_t c1 = std::min(b.width, c0 + kStrip);
    for (int64_t r = 0; r < b.mask_w; ++r) {
      T* out = b.out + r * b.stride;
      const int64_t first = std::min(std::max(b.half_w - r, c0), c1);
      const int64_t last = std::max(std::min(b.width + b.half_w - r, c1), first);
      for (int64_t c = c0; c < first; ++c) out[c] = 0;
      for (int64_t c = first; c < last; ++c) out[c] = b.in[(r + c - b.half_w) * b.stride + c];
      for (int64_t c = last; c < c1; ++c) out[c] = 0;
    }
  }
}

// out[r][c] = in[c - r + half][r]
template <typename T>
void distribute_block(const Block<T>& b) {
  for (int64_t c0 = 0; c0 < b.width; c0 += kStrip) {
    const int64_t c1 = std::min(b.width, c0 + kStrip);
    for (int64_t r = 0; r < b.width; ++r) {
      T* out = b.out + r * b.stride;
      const int64_t first = std::min(std::max(r - b.half_w, c0), c1);
      const int64_t last = std::max(std::min(r - b.half_w + b.mask_w, c1), first);
      for (int64_t c = c0; c < first; ++c) out[c] = 0;
      for (int64_t c = first; c < last; ++c) out[c] = b.in[(c - r + b.half_w) * b.stride + r];
      for (int64_t c = last; c < c1; ++c) out[c] = 0;
    }
  }
}

// out[r][c] = in[c][c + r - half]
template <typename T>
void distribute_block_grad(const Block<T>& b) {
  for (int64_t c0 = 0; c0 < b.width; c0 += kStrip) {
    const int64_t c1 = std::min(b.width, c0 + kStrip);
    for (int64_t r = 0; r < b.mask_w; ++r) {
      T* out = b.out + r * b.stride;
      const int64_t first = std::min(std::max(b.half_w - r, c0), c1);
      const int64_t last = std::max(std::min(b.width + b.half_w - r, c1), first);
      for (int64_t c = c0; c < first; ++c) out[c] = 0;
      for (int64_t c = first; c < last; ++c) out[c] = b.in[c * b.stride + c + r - b.half_w];
      for (int64_t c = last; c < c1; ++c) out[c] = 0;
    }
  }
}

// Zero `blocks` neighbouring blocks: in every row one contiguous run.
template <typename T>
void zero_blocks(T* out, int64_t rows, int64_t stride, int64_t run) {
  for (int64_t r = 0; r < rows; ++r) std::fill_n(out + r * stride, run, T(0));
}

// logits (batch, cells, height, width) -> map (batch, positions, height, width). T is any type of the size of
// the element: psamask moves values and never computes with them.
template <typename T>
void forward(Kind kind, const T* logits, T* map, const Geometry& g, int max_threads) {
  const int64_t positions = g.positions(), half_h = g.half_h();
  parallel_for(g.batch * g.height, g.map_size() * sizeof(T), max_threads, [&](int64_t unit) {
    const int64_t n = unit / g.height, row = unit % g.height;
    T* out = map + (n * positions + row * g.width) * positions;
    const T* in = logits + n * g.cells() * positions;
    for (int64_t col = 0; col < g.height; ++col) {
      const int64_t own = kind == kCollect ? col : row, other = kind == kCollect ? row : col;
      const int64_t i = other - own + half_h;
      Block<T> block{out + col * g.width, nullptr, positions, g.width, g.mask_w, g.half_w()};
      if (i < 0 || i >= g.mask_h) {
        zero_blocks(block.out, g.width, positions, g.width);
        continue;
      }
      block.in = in + i * g.mask_w * positions + own * g.width;
      if (kind == kCollect) {
        collect_block(block);
      } else {
        distribute_block(block);
      }
    }
  });
}

// Gradient of the map -> gradient of the logits; mask cells that fall off the map get 0.
template <typename T>
void backward(Kind kind, const T* map_grad, T* logits_grad, const Geometry& g, int max_threads) {
  const int64_t positions = g.positions(), half_h = g.half_h();
  parallel_for(g.batch * g.mask_h, g.logits_size() * sizeof(T), max_threads, [&](int64_t unit) {
    const int64_t n = unit / g.mask_h, i = unit % g.mask_h;
    T* out = logits_grad + unit * g.mask_w * positions;
    const T* in = map_grad + n * positions * positions;
    for (int64_t own = 0; own < g.height; ++own) {
      const int64_t other = own + i - half_h;
      Block<T> block{out + own * g.width, nullptr, positions, g.width, g.mask_w, g.half_w()};
      if (other < 0 || other >= g.height) {
        zero_blocks(block.out, g.mask_w, positions, g.width);
        continue;
      }
      const int64_t row = kind == kCollect ? other : own, col = kind == kCollect ? own : other;
      block.in = in + row * g.width * positions + col * g.width;
      if (kind == kCollect) {
        collect_block_grad(block);
      } else {
        distribute_block_grad(block);
      }
    }
  });
}

}  // namespace cpu
}  // namespace psamask
