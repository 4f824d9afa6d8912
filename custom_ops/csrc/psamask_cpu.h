// Copyright (c) 2026 the paddleseg_ext authors. Licensed under the Apache License, Version 2.0.
//
// psamask on the CPU. It does not need Paddle.
//
// The map is a grid of blocks. A block holds the map rows of one image row a and the map columns of one image row b.
// Only one row of mask cells meets a block. So a block is all zero, or it rearranges a matrix of logits,
// mask_w x width (mask column j, own column p):
//
//   collect      block[r][c] = logits[r - c + half][c]    columns slide: `skew` below
//   distribute   block[r][c] = logits[c - r + half][r]    the transpose of that
//
// The rows of both matrices are H * W elements apart. Each row is on another page, but in the same few cache sets.
// So all work goes through a small contiguous scratch. Every element of the input is read once, and every cell of
// the output is written exactly once; the output is not cleared first.
#pragma once

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <thread>
#include <vector>

#include "psamask_geometry.h"

namespace psamask {
namespace cpu {

// Each call starts its own threads, which takes about 20 microseconds each. OpenMP is not used: Paddle sets
// OMP_NUM_THREADS=1 on import, and a GNU OpenMP pool does not survive the fork of a data loader.
constexpr int64_t kBytesPerThread = 256 * 1024;

// Calls work(begin, end) on ranges that cover 0 .. count - 1, with at most one range per thread.
template <typename Work>
void parallel_for(int64_t count, int64_t bytes, int max_threads, const Work& work) {
  const int64_t threads = std::max<int64_t>(1, std::min<int64_t>({count, bytes / kBytesPerThread, max_threads}));
  std::vector<std::thread> pool;
  for (int64_t t = 1; t < threads; ++t) pool.emplace_back(work, count * t / threads, count * (t + 1) / threads);
  work(0, count / threads);
  for (auto& thread : pool) thread.join();
}

// A strip is at most 512 bytes wide, so the scratch stays in the nearest caches. Vectors have 16 bytes, which every
// 64-bit machine supports.
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

// The part of a block's input that is used. Row k uses `span` columns from first + slope * k on, as far as they exist.
// This is a band along a diagonal; elements outside it are not read.
struct Band {
  int64_t first, slope, span, columns;

  int64_t begin(int64_t k) const { return std::max<int64_t>(0, std::min(columns, first + slope * k)); }
  int64_t end(int64_t k) const { return std::max(begin(k), std::min(columns, first + slope * k + span)); }
};

// Prefetches the input of the next block, row by row, while this block is written. The caches' own prefetchers do not
// help, because the rows are pages apart.
template <typename T>
struct Ahead {
  const T* in;
  int64_t stride, row, rows, per_step;
  Band band;

  void step() {
    for (int64_t last = std::min(rows, row + per_step); row < last; ++row) {
      const T* from = in + row * stride;
      const int64_t begin = band.begin(row), end = band.end(row);
      for (int64_t c = begin; c < end; c += 64 / sizeof(T)) __builtin_prefetch(from + c);
      if (begin < end) __builtin_prefetch(from + end - 1);
    }
  }
};

// out[r][c] = s[r - c][c] for one strip; rows of `s` are `pitch` apart (rows down to -width + 1 exist).
template <typename T>
inline void skew(const T* s, int64_t pitch, T* out, int64_t stride, int64_t rows, int64_t width, Ahead<T>& ahead) {
  constexpr int kLanes = Strip<T>::kLanes;
  const int64_t whole = width / kLanes * kLanes;
  for (int64_t r = 0; r < rows; ++r, s += pitch, out += stride) {
    ahead.step();
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

// Transposes a kLanes x kLanes tile by rounds of perfect shuffles.
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

// out[c][r] = in[r][c], by whole tiles as far as possible.
template <typename T>
inline void transpose(const T* in, int64_t in_stride, T* out, int64_t out_stride, int64_t rows, int64_t cols,
                      Ahead<T>* ahead = nullptr) {
  constexpr int kLanes = Strip<T>::kLanes;
  const int64_t whole_rows = rows / kLanes * kLanes, whole_cols = cols / kLanes * kLanes;
  for (int64_t c = 0; c < whole_cols; c += kLanes) {
    for (int k = 0; ahead && k < kLanes; ++k) ahead->step();
    for (int64_t r = 0; r < whole_rows; r += kLanes) {
      transpose_tile(in + r * in_stride + c, in_stride, out + c * out_stride + r, out_stride);
    }
  }
  for (int64_t r = 0; r < rows; ++r) {
    for (int64_t c = r < whole_rows ? whole_cols : 0; c < cols; ++c) out[c * out_stride + r] = in[r * in_stride + c];
  }
}

// Copies mostly some dozens of bytes, from rows that are far apart. std::memcpy would be slower: if GCC knows a bound
// of the size, it emits `rep movs`, whose start costs more than the copy and does not overlap with the next cache
// misses.
template <typename T>
inline void copy_run(const T* from, T* to, int64_t count) {
  using V = typename Strip<T>::Vector;
  constexpr int kLanes = Strip<T>::kLanes;
  int64_t k = 0;
  for (; k + 4 * kLanes <= count; k += 4 * kLanes) {
    const V a = load<V>(from + k), b = load<V>(from + k + kLanes), c = load<V>(from + k + 2 * kLanes),
            d = load<V>(from + k + 3 * kLanes);
    store(to + k, a), store(to + k + kLanes, b), store(to + k + 2 * kLanes, c), store(to + k + 3 * kLanes, d);
  }
  for (; k + kLanes <= count; k += kLanes) store(to + k, load<V>(from + k));
  for (; k < count; ++k) to[k] = from[k];
}

template <typename T>
inline void zero_run(T* to, int64_t count) {
  std::memset(to, 0, count * sizeof(T));
}

// Rearranges the blocks of one call. Every thread has its own worker, for its own scratch.
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

  // Below, `next` is the `in` of the next block, or nullptr.

  // out[r][c] = in[r - c + half][c], r and c below width.
  void collect(const T* in, T* out, const T* next) {
    Ahead<T> ahead = ahead_logits(next);
    for (int64_t c0 = 0; c0 < width_; c0 += kWidth) {
      const int64_t columns = std::min<int64_t>(kWidth, width_ - c0);
      const Band used{half_ - c0, -1, width_, columns};
      gather(in + c0, half_ - c0 - columns + 1, mask_, width_ + columns - 1, used);
      skew(scratch_.data() + (columns - 1) * kWidth, kWidth, out + c0, stride_, width_, columns, ahead);
    }
  }

  // out[j][c] = in[j + c - half][c], j below mask.
  void collect_grad(const T* in, T* out, const T* next) {
    Ahead<T> ahead = ahead_map(next, half_ - mask_ + 1);
    for (int64_t c0 = 0; c0 < width_; c0 += kWidth) {
      const int64_t columns = std::min<int64_t>(kWidth, width_ - c0);
      const Band used{half_ - mask_ + 1 - c0, 1, mask_, columns};
      gather(in + c0, c0 - half_, width_, mask_ + columns - 1, used);
      // The same skew, from the last row to the first.
      T* last = out + c0 + (mask_ - 1) * stride_;
      skew(scratch_.data() + (mask_ - 1) * kWidth, -kWidth, last, -stride_, mask_, columns, ahead);
    }
  }

  // out[r][c] = in[c - r + half][r], r and c below width.
  void distribute(const T* in, T* out, const T* next) {
    Ahead<T> ahead = ahead_logits(next);
    // A round takes one cache line, so that few unused elements are transposed.
    constexpr int64_t kLine = 64 / sizeof(T);
    for (int64_t r0 = 0; r0 < width_; r0 += kLine) {
      const int64_t rows = std::min<int64_t>(kLine, width_ - r0);
      const int64_t k0 = std::max<int64_t>(0, half_ - r0 - rows + 1), k1 = std::min(mask_, half_ - r0 + width_);
      if (k0 < k1) transpose(in + k0 * stride_ + r0, stride_, scratch_.data() + k0, pitch_, k1 - k0, rows);
      for (int64_t r = r0; r < r0 + rows; ++r) {
        const int64_t c0 = clamp(r - half_), c1 = clamp(r - half_ + mask_);
        T* to = out + r * stride_;
        ahead.step();
        zero_run(to, c0);
        copy_run(scratch_.data() + (r - r0) * pitch_ + c0 - r + half_, to + c0, c1 - c0);
        zero_run(to + c1, width_ - c1);
      }
    }
  }

  // out[j][c] = in[c][c + j - half], j below mask.
  void distribute_grad(const T* in, T* out, const T* next) {
    Ahead<T> ahead = ahead_map(next, -half_);
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
      transpose(scratch_.data(), pitch_, out + c0, stride_, columns, mask_, &ahead);
    }
  }

  // `rows` rows of `run` zeros.
  void zero(T* out, int64_t rows, int64_t run) {
    for (int64_t r = 0; r < rows; ++r) zero_run(out + r * stride_, run);
  }

 private:
  static constexpr int kWidth = Strip<T>::kWidth;

  int64_t clamp(int64_t column) const { return std::max<int64_t>(0, std::min(width_, column)); }

  Ahead<T> ahead_logits(const T* next) const {
    const int64_t k0 = std::max<int64_t>(0, half_ - width_ + 1), k1 = std::min(mask_, half_ + width_);
    return {next, stride_, k0, next ? k1 : k0, (k1 - k0 + width_ - 1) / width_, {half_, -1, width_, width_}};
  }

  Ahead<T> ahead_map(const T* next, int64_t first) const {
    return {next, stride_, 0, next ? width_ : 0, (width_ + mask_ - 1) / mask_, {first, 1, mask_, width_}};
  }

  // scratch[m] = in[first + m], as far as it is used, for m below `rows`; 0 if that row is not in 0 .. in_rows - 1.
  void gather(const T* in, int64_t first, int64_t in_rows, int64_t rows, const Band& used) {
    const int64_t m0 = std::min(rows, std::max<int64_t>(0, -first));
    const int64_t m1 = std::max(m0, std::min(rows, in_rows - first));
    zero_run(scratch_.data(), m0 * kWidth);
    for (int64_t m = m0; m < m1; ++m) {
      const int64_t begin = used.begin(first + m), end = used.end(first + m);
      copy_run(in + (first + m) * stride_ + begin, scratch_.data() + m * kWidth + begin, end - begin);
    }
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
      // The blocks whose mask row i = other - own + half exists are neighbors. Left and right of them is 0.
      const int64_t first = kind == kCollect ? row + half - g.mask_h + 1 : row - half;
      const int64_t c0 = std::max<int64_t>(0, std::min(g.height, first));
      const int64_t c1 = std::max<int64_t>(c0, std::min(g.height, first + g.mask_h));
      worker.zero(out, g.width, c0 * g.width);
      for (int64_t col = c0; col < c1; ++col) {
        const auto at = [&](int64_t c) {
          return kind == kCollect ? in + (row - c + half) * g.mask_w * positions + c * g.width
                                  : in + (c - row + half) * g.mask_w * positions + row * g.width;
        };
        const T* next = col + 1 < c1 ? at(col + 1) : nullptr;
        if (kind == kCollect) {
          worker.collect(at(col), out + col * g.width, next);
        } else {
          worker.distribute(at(col), out + col * g.width, next);
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
        const auto at = [&](int64_t o) {
          const int64_t other = o + i - half;
          const int64_t row = kind == kCollect ? other : o, col = kind == kCollect ? o : other;
          return in + (row * positions + col) * g.width;
        };
        const T* next = own + 1 < c1 ? at(own + 1) : nullptr;
        if (kind == kCollect) {
          worker.collect_grad(at(own), out + own * g.width, next);
        } else {
          worker.distribute_grad(at(own), out + own * g.width, next);
        }
      }
      worker.zero(out + c1 * g.width, g.mask_w, (g.height - c1) * g.width);
    }
  });
}

}  // namespace cpu
}  // namespace psamask
