// Copyright (c) 2026 the paddleseg_ext authors. Licensed under the Apache License, Version 2.0.
//
// Measures the times of psamask_cpu.h, of the plain loop and of a memory copy, for benchmarks/psamask.py. It does not
// need Paddle.
// usage: psamask_cpu_bench MASK HEIGHT WIDTH BATCH THREADS ROUNDS
// prints, per kind and direction: kind direction seconds-ours seconds-plain seconds-copy-1-thread seconds-copy
#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <functional>
#include <memory>
#include <vector>

#include "../csrc/psamask_cpu.h"

using psamask::Geometry;
using psamask::Kind;

// The algorithm of the published CPU operators: clear the output, then walk over the positions and their masks.
template <bool kForward>
void plain(Kind kind, const uint32_t* from, uint32_t* to, const Geometry& g) {
  const int64_t hw = g.positions();
  std::memset(to, 0, sizeof(uint32_t) * (kForward ? g.map_size() : g.logits_size()));
  for (int64_t n = 0; n < g.batch; ++n) {
    for (int64_t h = 0; h < g.height; ++h) {
      for (int64_t w = 0; w < g.width; ++w) {
        const int64_t i0 = std::max<int64_t>(0, g.half_h() - h), i1 = std::min(g.mask_h, g.height + g.half_h() - h);
        const int64_t j0 = std::max<int64_t>(0, g.half_w() - w), j1 = std::min(g.mask_w, g.width + g.half_w() - w);
        const int64_t p = h * g.width + w;
        for (int64_t i = i0; i < i1; ++i) {
          for (int64_t j = j0; j < j1; ++j) {
            const int64_t q = (h + i - g.half_h()) * g.width + w + j - g.half_w();
            const int64_t in_logits = (n * g.cells() + i * g.mask_w + j) * hw + p;
            const int64_t in_map = n * hw * hw + (kind == psamask::kCollect ? q * hw + p : p * hw + q);
            to[kForward ? in_map : in_logits] = from[kForward ? in_logits : in_map];
          }
        }
      }
    }
  }
}

double seconds(const std::function<void()>& work) {
  const auto start = std::chrono::steady_clock::now();
  work();
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
}

double median(std::vector<double> values) {
  std::nth_element(values.begin(), values.begin() + values.size() / 2, values.end());
  return values[values.size() / 2];
}

int main(int argc, char** argv) {
  if (argc != 7) return std::fprintf(stderr, "usage: %s MASK HEIGHT WIDTH BATCH THREADS ROUNDS\n", argv[0]), 2;
  const int64_t mask = std::atoll(argv[1]);
  const Geometry g{std::atoll(argv[4]), std::atoll(argv[2]), std::atoll(argv[3]), mask, mask};
  const int threads = std::atoi(argv[5]), rounds = std::atoi(argv[6]);

  const int64_t largest = std::max(g.logits_size(), g.map_size());
  std::vector<uint32_t> logits(g.logits_size()), map(g.map_size()), logits_grad(g.logits_size()), expected(largest);
  for (int64_t k = 0; k < g.logits_size(); ++k) logits[k] = static_cast<uint32_t>(k % 8191 + 1);
  int64_t reached = 0;  // cells of the logits that land on the map
  for (int64_t h = 0; h < g.height; ++h) {
    for (int64_t w = 0; w < g.width; ++w) {
      reached += (std::min(g.mask_h, g.height + g.half_h() - h) - std::max<int64_t>(0, g.half_h() - h)) *
                 (std::min(g.mask_w, g.width + g.half_w() - w) - std::max<int64_t>(0, g.half_w() - w));
    }
  }
  reached *= g.batch;

  for (Kind kind : {psamask::kCollect, psamask::kDistribute}) {
    for (bool is_forward : {true, false}) {
      const auto ours = [&] {
        if (is_forward) {
          psamask::cpu::forward(kind, logits.data(), map.data(), g, threads);
        } else {
          psamask::cpu::backward(kind, map.data(), logits_grad.data(), g, threads);
        }
      };
      const auto loop = [&] {
        if (is_forward) {
          plain<true>(kind, logits.data(), expected.data(), g);
        } else {
          plain<false>(kind, map.data(), expected.data(), g);
        }
      };
      // A copy reads and writes each of its bytes; psamask reads the reached cells and writes the whole output.
      const int64_t written = is_forward ? g.map_size() : g.logits_size();
      const int64_t copied = (reached + written) / 2 * sizeof(uint32_t);
      std::unique_ptr<char[]> from(new char[copied]), to(new char[copied]);
      std::memset(from.get(), 1, copied);
      const auto copy = [&](int pieces) {
        psamask::cpu::parallel_for(copied, copied, pieces, [&](int64_t begin, int64_t end) {
          std::memcpy(to.get() + begin, from.get() + begin, end - begin);
        });
      };

      std::vector<double> t_ours, t_plain, t_copy1, t_copy;
      for (int round = -1; round < rounds; ++round) {
        const double a = seconds(ours), c1 = seconds([&] { copy(1); }), c = seconds([&] { copy(threads); });
        const double b = seconds(loop);
        if (round < 0) continue;  // warm-up: pages are touched for the first time
        t_ours.push_back(a), t_plain.push_back(b), t_copy1.push_back(c1), t_copy.push_back(c);
      }
      const uint32_t* result = is_forward ? map.data() : logits_grad.data();
      if (std::memcmp(result, expected.data(), written * sizeof(uint32_t))) return std::fprintf(stderr, "wrong\n"), 1;
      std::printf("%s %s %.6f %.6f %.6f %.6f\n", kind == psamask::kCollect ? "collect" : "distribute",
                  is_forward ? "forward" : "backward", median(t_ours), median(t_plain), median(t_copy1),
                  median(t_copy));
    }
  }
  return 0;
}
