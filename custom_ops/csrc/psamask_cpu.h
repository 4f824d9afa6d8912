// Copyright (c) 2026 the paddleseg_ext authors. Licensed under the Apache License, Version 2.0.
//
// psamask on the CPU. No Paddle in here.
//
// The map is a grid of blocks: one holds the map rows of one image row a and the map columns of one image row b.
// Only one row of mask cells meets a block, so a block is either all zero or one rearrangement of a matrix of
// logits, mask_w x width (mask column j, own column p):
//
//   collect      block[r][c] = logits[r - c + half][c]    columns slide: `skew` below
//   distribute   block[r][c] = logits[c - r + half][r]    the transpose of that
//
// Rows of either matrix are H * W elements apart: each row lies on a page of its own, in the same few cache sets.
// So all work goes through a small contiguous scratch; every element of the input is read once and every cell of
// the output is written exactly once, without a zero pass.
#pragma once

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <thread>
#include <vector>

#include "psamask_geometry.h"

namespace psamask {
namespace cpu {

// Threads are started per call (some 20 microseconds each) rather than taken from OpenMP: Paddle sets
// OMP_NUM_THREADS=1 on import, and a GNU OpenMP pool does not survive the fork of a data loader.
constexpr int64_t kBytesPerThread = 256 * 1024;

// Calls work(begin, end) on ranges that cover 0 .. count - 1, at most one per thread.
template <typename Work>
void parallel_for(int64_t count, int64_t bytes, int max_threads, const Work& work) {
  const int64_t threads = std::max<int64_t>(1, std::min<int64_t>({count, bytes / kBytesPerThread, max_threads}));
  std::vector<std::thread> pool;
  for (int64_t t = 1; t < threads; ++t) pool.emplace_back(work, count * t / threads, count * (t + 1) / threads);
  work(0, count / threads);
  for (auto& thread : pool) thread.join();
}

// A strip is at most 512 bytes wide, so the scratch stays in the caches close by. Vectors are 16 bytes, which every
// 64-bit machine has.
template <typename T>
struct Strip {
  typedef T Vector __attribute__((vector_size(16)));
  static constexpr int kLanes = 16 / sizeof(T);
  static constexpr int kWidth = 512 / sizeof(T);
};

template <typename V, typename T>
inline V load(const T* from) {
  V v;
  std::memcpy(&v, from, sizeof(V));
  return v;
}

template <typename V, typename T>
inline void store(T* to, V v) {
  std::memcpy(to, &v, sizeof(V));
}

// Lane k comes from `late` where bit `kBit` of k is set, else from `early`.
template <typename T, int kBit>
inline typename Strip<T>::Vector choose(typename Strip<T>::Vector early, typename Strip<T>::Vector late) {
  typename Strip<T>::Vector mask;
  for (int k = 0; k < Strip<T>::kLanes; ++k) mask[k] = k & kBit ? static_cast<T>(-1) : 0;
  return (early & ~mask) | (late & mask);
}

// Lane k of the result is lane k of row -k of `s` (rows `pitch` apart): a binary ladder of choices.
template <typename T, int kBit>
inline typename Strip<T>::Vector slide(const T* s, int64_t pitch) {
  if constexpr (kBit == 0) {
    return load<typename Strip<T>::Vector>(s);
  } else {
    return choose<T, kBit>(slide<T, kBit / 2>(s, pitch), slide<T, kBit / 2>(s - kBit * pitch, pitch));
  }
}

// out[r][c] = s[r - c][c] for one strip; rows of `s` are `pitch` apart (rows down to -width + 1 exist).
template <typename T>
inline void skew(const T* s, int64_t pitch, T* out, int64_t stride, int64_t rows, int64_t width) {
  constexpr int kLanes = Strip<T>::kLanes;
  const int64_t whole = width / kLanes * kLanes;
  for (int64_t r = 0; r < rows; ++r, s += pitch, out += stride) {
    for (int64_t c = 0; c < whole; c += kLanes) store(out + c, slide<T, kLanes / 2>(s - c * pitch + c, pitch));
    for (int64_t c = whole; c < width; ++c) out[c] = s[c - c * pitch];
  }
}

// a[begin], b[begin], a[begin + 1], b[begin + 1], ...
template <int kBegin, typename V>
inline V interleave(V a, V b) {
  constexpr int kLanes = sizeof(V) / sizeof(a[0]);
  V out;
#if defined(__GNUC__) && !defined(__clang__)
  for (int k = 0; k < kLanes; ++k) out[k] = kBegin + k / 2 + (k % 2) * kLanes;
  return __builtin_shuffle(a, b, out);  // GCC does not see through the loop below.
#else
  for (int k = 0; k < kLanes; ++k) out[k] = k % 2 ? b[kBegin + k / 2] : a[kBegin + k / 2];
  return out;
#endif
}

// A kLanes x kLanes tile, by rounds of perfect shuffles.
template <typename T>
inline void transpose_tile(const T* in, int64_t in_stride, T* out, int64_t out_stride) {
  using V = typename Strip<T>::Vector;
  constexpr int kLanes = Strip<T>::kLanes;
  V rows[kLanes], next[kLanes];
  for (int k = 0; k < kLanes; ++k) rows[k] = load<V>(in + k * in_stride);
  for (int round = 1; round < kLanes; round *= 2) {
    for (int k = 0; k < kLanes / 2; ++k) {
      next[2 * k] = interleave<0>(rows[k], rows[k + kLanes / 2]);
      next[2 * k + 1] = interleave<kLanes / 2>(rows[k], rows[k + kLanes / 2]);
    }
    std::copy(next, next + kLanes, rows);
  }
  for (int k = 0; k < kLanes; ++k) store(out + k * out_stride, rows[k]);
}

// out[c][r] = in[r][c], whole tiles where there are whole tiles.
template <typename T>
inline void transpose(const T* in, int64_t in_stride, T* out, int64_t out_stride, int64_t rows, int64_t cols) {
  constexpr int kLanes = Strip<T>::kLanes;
  const int64_t whole_rows = rows / kLanes * kLanes, whole_cols = cols / kLanes * kLanes;
  for (int64_t r = 0; r < whole_rows; r += kLanes) {
    for (int64_t c = 0; c < whole_cols; c += kLanes) {
      transpose_tile(in + r * in_stride + c, in_stride, out + c * out_stride + r, out_stride);
    }
  }
  for (int64_t r = 0; r < rows; ++r) {
    for (int64_t c = r < whole_rows ? whole_cols : 0; c < cols; ++c) out[c * out_stride + r] = in[r * in_stride + c];
  }
}

template <typename T>
inline void copy_run(const T* from, T* to, int64_t count) {
  std::memcpy(to, from, count * sizeof(T));
}

template <typename T>
inline void zero_run(T* to, int64_t count) {
  std::memset(to, 0, count * sizeof(T));
}

// Rearranges blocks of one call; every thread has its own, for the scratch.
template <typename T>
class Worker {
 public:
  explicit Worker(const Geometry& g)
      : stride_(g.positions()),
        width_(g.width),
        mask_(g.mask_w),
        half_(g.half_w()),
        pitch_((std::max(g.width, g.mask_w) + 2 * kWidth - 1) / kWidth * kWidth),
        scratch_(pitch_ * kWidth) {}

  // out[r][c] = in[r - c + half][c], r and c below width.
  void collect(const T* in, T* out) {
    for (int64_t c0 = 0; c0 < width_; c0 += kWidth) {
      const int64_t columns = std::min<int64_t>(kWidth, width_ - c0);
      gather(in + c0, half_ - c0 - columns + 1, mask_, width_ + columns - 1, columns);
      skew(scratch_.data() + (columns - 1) * kWidth, kWidth, out + c0, stride_, width_, columns);
    }
  }

  // out[j][c] = in[j + c - half][c], j below mask.
  void collect_grad(const T* in, T* out) {
    for (int64_t c0 = 0; c0 < width_; c0 += kWidth) {
      const int64_t columns = std::min<int64_t>(kWidth, width_ - c0);
      gather(in + c0, c0 - half_, width_, mask_ + columns - 1, columns);
      // The same slide, walked from the last row to the first.
      skew(scratch_.data() + (mask_ - 1) * kWidth, -kWidth, out + c0 + (mask_ - 1) * stride_, -stride_, mask_, columns);
    }
  }

  // out[r][c] = in[c - r + half][r], r and c below width.
  void distribute(const T* in, T* out) {
    for (int64_t r0 = 0; r0 < width_; r0 += kWidth) {
      const int64_t rows = std::min<int64_t>(kWidth, width_ - r0);
      const int64_t k0 = std::max<int64_t>(0, half_ - r0 - rows + 1), k1 = std::min(mask_, half_ - r0 + width_);
      if (k0 < k1) transpose(in + k0 * stride_ + r0, stride_, scratch_.data() + k0, pitch_, k1 - k0, rows);
      for (int64_t r = r0; r < r0 + rows; ++r) {
        const int64_t c0 = clamp(r - half_), c1 = clamp(r - half_ + mask_);
        T* to = out + r * stride_;
        zero_run(to, c0);
        copy_run(scratch_.data() + (r - r0) * pitch_ + c0 - r + half_, to + c0, c1 - c0);
        zero_run(to + c1, width_ - c1);
      }
    }
  }

  // out[j][c] = in[c][c + j - half], j below mask.
  void distribute_grad(const T* in, T* out) {
    for (int64_t c0 = 0; c0 < width_; c0 += kWidth) {
      const int64_t columns = std::min<int64_t>(kWidth, width_ - c0);
      for (int64_t c = c0; c < c0 + columns; ++c) {
        const int64_t j0 = std::max<int64_t>(0, std::min(mask_, half_ - c));
        const int64_t j1 = std::max(j0, std::min(mask_, half_ - c + width_));
        T* to = scratch_.data() + (c - c0) * pitch_;
        zero_run(to, j0);
        copy_run(in + c * stride_ + c + j0 - half_, to + j0, j1 - j0);
        zero_run(to + j1, mask_ - j1);
      }
      transpose(scratch_.data(), pitch_, out + c0, stride_, columns, mask_);
    }
  }

  // `rows` rows of `run` zeros.
  void zero(T* out, int64_t rows, int64_t run) {
    for (int64_t r = 0; r < rows; ++r) zero_run(out + r * stride_, run);
  }

 private:
  static constexpr int kWidth = Strip<T>::kWidth;

  int64_t clamp(int64_t column) const { return std::max<int64_t>(0, std::min(width_, column)); }

  // scratch[m] = in[first + m] for m below `rows`, 0 where that is not below `in_rows`.
  void gather(const T* in, int64_t first, int64_t in_rows, int64_t rows, int64_t columns) {
    const int64_t m0 = std::min(rows, std::max<int64_t>(0, -first));
    const int64_t m1 = std::max(m0, std::min(rows, in_rows - first));
    zero_run(scratch_.data(), m0 * kWidth);
    for (int64_t m = m0; m < m1; ++m) copy_run(in + (first + m) * stride_, scratch_.data() + m * kWidth, columns);
    zero_run(scratch_.data() + m1 * kWidth, (rows - m1) * kWidth);
  }

  int64_t stride_, width_, mask_, half_, pitch_;
  std::vector<T> scratch_;
};

// logits (batch, cells, height, width) -> map (batch, positions, height, width). T is any unsigned integer of the
// size of the element: psamask moves values and never computes with them.
template <typename T>
void forward(Kind kind, const T* logits, T* map, const Geometry& g, int max_threads) {
  const int64_t positions = g.positions(), half = g.half_h();
  parallel_for(g.batch * g.height, g.map_size() * sizeof(T), max_threads, [&](int64_t begin, int64_t end) {
    Worker<T> worker(g);
    for (int64_t unit = begin; unit < end; ++unit) {
      const int64_t n = unit / g.height, row = unit % g.height;
      T* out = map + unit * g.width * positions;
      const T* in = logits + n * g.cells() * positions;
      // The blocks whose mask row i = other - own + half exists are neighbours; left and right of them is 0.
      const int64_t first = kind == kCollect ? row + half - g.mask_h + 1 : row - half;
      const int64_t c0 = std::max<int64_t>(0, std::min(g.height, first));
      const int64_t c1 = std::max<int64_t>(c0, std::min(g.height, first + g.mask_h));
      worker.zero(out, g.width, c0 * g.width);
      for (int64_t col = c0; col < c1; ++col) {
        if (kind == kCollect) {
          worker.collect(in + (row - col + half) * g.mask_w * positions + col * g.width, out + col * g.width);
        } else {
          worker.distribute(in + (col - row + half) * g.mask_w * positions + row * g.width, out + col * g.width);
        }
      }
      worker.zero(out + c1 * g.width, g.width, (g.height - c1) * g.width);
    }
  });
}

// Gradient of the map -> gradient of the logits; mask cells that fall off the map get 0.
template <typename T>
void backward(Kind kind, const T* map_grad, T* logits_grad, const Geometry& g, int max_threads) {
  const int64_t positions = g.positions(), half = g.half_h();
  parallel_for(g.batch * g.mask_h, g.logits_size() * sizeof(T), max_threads, [&](int64_t begin, int64_t end) {
    Worker<T> worker(g);
    for (int64_t unit = begin; unit < end; ++unit) {
      const int64_t n = unit / g.mask_h, i = unit % g.mask_h;
      T* out = logits_grad + unit * g.mask_w * positions;
      const T* in = map_grad + n * positions * positions;
      const int64_t c0 = std::max<int64_t>(0, std::min(g.height, half - i));
      const int64_t c1 = std::max<int64_t>(c0, std::min(g.height, half - i + g.height));
      worker.zero(out, g.mask_w, c0 * g.width);
      for (int64_t own = c0; own < c1; ++own) {
        const int64_t other = own + i - half;
        if (kind == kCollect) {
          worker.collect_grad(in + other * g.width * positions + own * g.width, out + own * g.width);
        } else {
          worker.distribute_grad(in + own * g.width * positions + other * g.width, out + own * g.width);
        }
      }
      worker.zero(out + c1 * g.width, g.mask_w, (g.height - c1) * g.width);
    }
  });
}

}  // namespace cpu
}  // namespace psamask
