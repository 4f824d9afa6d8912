// Copyright (c) 2026 the paddleseg_ext authors. Licensed under the Apache License, Version 2.0.
//
// A program of its own. It compares the results of the CUDA kernels with a plain loop on the CPU. Then it compares
// their times with the plain CUDA algorithm (clear the output, then one thread per position walks over its mask) and
// with a device copy.
//
//   nvcc -std=c++17 -O3 -arch=native benchmarks/psamask_cuda_check.cu csrc/psamask_cuda.cu -o psamask_cuda_check
//   ./psamask_cuda_check
//
// Exit code 0: every comparison was exact.
#include <cuda_runtime.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <functional>
#include <vector>

#include "../csrc/psamask_cuda.h"

using psamask::Geometry;
using psamask::Kind;

#define CHECK(call)                                                        \
  do {                                                                     \
    const cudaError_t status = (call);                                     \
    if (status != cudaSuccess) {                                           \
      std::fprintf(stderr, "%s: %s\n", #call, cudaGetErrorString(status)); \
      std::exit(1);                                                        \
    }                                                                      \
  } while (0)

// Moves the mask of position p = (h, w), on the host or on the device.
template <typename T>
PSAMASK_HOST_DEVICE void plain_position(bool is_forward, Kind kind, const T* from, T* to, const Geometry& g, int64_t n,
                                        int64_t h, int64_t w) {
  const int64_t hw = g.positions(), p = h * g.width + w;
  for (int64_t i = 0; i < g.mask_h; ++i) {
    for (int64_t j = 0; j < g.mask_w; ++j) {
      const int64_t qh = h + i - g.half_h(), qw = w + j - g.half_w();
      if (qh < 0 || qh >= g.height || qw < 0 || qw >= g.width) continue;
      const int64_t q = qh * g.width + qw, in_logits = (n * g.cells() + i * g.mask_w + j) * hw + p;
      const int64_t in_map = n * hw * hw + (kind == psamask::kCollect ? q * hw + p : p * hw + q);
      to[is_forward ? in_map : in_logits] = from[is_forward ? in_logits : in_map];
    }
  }
}

template <typename T>
__global__ void plain_kernel(bool is_forward, Kind kind, const T* from, T* to, Geometry g) {
  const int64_t k = blockIdx.x * static_cast<int64_t>(blockDim.x) + threadIdx.x;
  if (k >= g.batch * g.positions()) return;
  const int64_t p = k % g.positions();
  plain_position(is_forward, kind, from, to, g, k / g.positions(), p / g.width, p % g.width);
}

template <typename T>
struct OnDevice {
  T* data = nullptr;
  explicit OnDevice(int64_t count) { CHECK(cudaMalloc(&data, count * sizeof(T))); }
  ~OnDevice() { cudaFree(data); }
};

template <typename T>
void run(bool is_forward, Kind kind, const T* from, T* to, const Geometry& g) {
  const char* fault = is_forward ? psamask::cuda::forward(kind, from, to, g, nullptr)
                                 : psamask::cuda::backward(kind, from, to, g, nullptr);
  if (fault) {
    std::fprintf(stderr, "launch: %s\n", fault);
    std::exit(1);
  }
}

template <typename T>
int64_t compare(Kind kind, bool is_forward, const Geometry& g) {
  const int64_t in_size = is_forward ? g.logits_size() : g.map_size();
  const int64_t out_size = is_forward ? g.map_size() : g.logits_size();
  std::vector<T> in(in_size), expected(out_size, 0), out(out_size);
  for (int64_t k = 0; k < in_size; ++k) in[k] = static_cast<T>(k * 40503 % 65521 + 1);
  for (int64_t n = 0; n < g.batch; ++n) {
    for (int64_t h = 0; h < g.height; ++h) {
      for (int64_t w = 0; w < g.width; ++w) plain_position(is_forward, kind, in.data(), expected.data(), g, n, h, w);
    }
  }
  OnDevice<T> from(in_size), to(out_size);
  CHECK(cudaMemcpy(from.data, in.data(), in_size * sizeof(T), cudaMemcpyHostToDevice));
  CHECK(cudaMemset(to.data, 0xAB, out_size * sizeof(T)));  // so that an unwritten cell is found
  run(is_forward, kind, from.data, to.data, g);
  CHECK(cudaMemcpy(out.data(), to.data, out_size * sizeof(T), cudaMemcpyDeviceToHost));
  if (out == expected) return 0;
  std::printf("WRONG: %d bytes, kind %d, %s, batch %lld, map %lld x %lld, mask %lld x %lld\n",
              static_cast<int>(sizeof(T)), kind, is_forward ? "forward" : "backward", static_cast<long long>(g.batch),
              static_cast<long long>(g.height), static_cast<long long>(g.width), static_cast<long long>(g.mask_h),
              static_cast<long long>(g.mask_w));
  return 1;
}

float milliseconds(const std::function<void()>& work) {
  cudaEvent_t start, stop;
  CHECK(cudaEventCreate(&start));
  CHECK(cudaEventCreate(&stop));
  CHECK(cudaEventRecord(start));
  work();
  CHECK(cudaEventRecord(stop));
  CHECK(cudaEventSynchronize(stop));
  float time = 0;
  CHECK(cudaEventElapsedTime(&time, start, stop));
  CHECK(cudaEventDestroy(start));
  CHECK(cudaEventDestroy(stop));
  return time;
}

float median(std::vector<float> values) {
  std::nth_element(values.begin(), values.begin() + values.size() / 2, values.end());
  return values[values.size() / 2];
}

template <typename T>
void time_case(Kind kind, bool is_forward, const Geometry& g) {
  const int64_t in_size = is_forward ? g.logits_size() : g.map_size();
  const int64_t out_size = is_forward ? g.map_size() : g.logits_size();
  int64_t reached = 0;
  for (int64_t h = 0; h < g.height; ++h) {
    for (int64_t w = 0; w < g.width; ++w) {
      reached += (std::min(g.mask_h, g.height + g.half_h() - h) - std::max<int64_t>(0, g.half_h() - h)) *
                 (std::min(g.mask_w, g.width + g.half_w() - w) - std::max<int64_t>(0, g.half_w() - w));
    }
  }
  // A copy reads and writes each of its bytes; psamask reads the reached cells and writes the whole output.
  const int64_t copied = (reached * g.batch + out_size) / 2 * sizeof(T);
  OnDevice<T> from(in_size), to(out_size);
  OnDevice<char> copy_from(copied), copy_to(copied);
  CHECK(cudaMemset(from.data, 1, in_size * sizeof(T)));
  CHECK(cudaMemset(copy_from.data, 1, copied));
  const unsigned blocks = static_cast<unsigned>((g.batch * g.positions() + 255) / 256);
  std::vector<float> ours, plain, copy;
  for (int round = -3; round < 31; ++round) {
    const float a = milliseconds([&] { run(is_forward, kind, from.data, to.data, g); });
    const float b = milliseconds([&] {
      CHECK(cudaMemsetAsync(to.data, 0, out_size * sizeof(T)));
      plain_kernel<<<blocks, 256>>>(is_forward, kind, from.data, to.data, g);
    });
    const float c =
        milliseconds([&] { CHECK(cudaMemcpyAsync(copy_to.data, copy_from.data, copied, cudaMemcpyDeviceToDevice)); });
    if (round < 0) continue;
    ours.push_back(a), plain.push_back(b), copy.push_back(c);
  }
  CHECK(cudaGetLastError());
  std::printf("mask %lld, map %lld x %lld, N %lld, %d bytes, %-10s %-8s  plain/ours %6.2f  copy/ours %5.2f\n",
              static_cast<long long>(g.mask_h), static_cast<long long>(g.height), static_cast<long long>(g.width),
              static_cast<long long>(g.batch), static_cast<int>(sizeof(T)),
              kind == psamask::kCollect ? "collect" : "distribute", is_forward ? "forward" : "backward",
              median(plain) / median(ours), median(copy) / median(ours));
}

int main() {
  const int64_t sides[][2] = {{1, 1}, {1, 9}, {7, 1}, {5, 8}, {13, 17}, {33, 40}, {30, 70}};
  const int64_t masks[][2] = {{1, 1}, {3, 5}, {4, 6}, {9, 66}, {66, 66}, {25, 33}};
  int64_t wrong = 0, checked = 0;
  for (const auto& side : sides) {
    for (const auto& mask : masks) {
      for (int64_t batch : {1, 3}) {
        const Geometry g{batch, side[0], side[1], mask[0], mask[1]};
        for (Kind kind : {psamask::kCollect, psamask::kDistribute}) {
          for (bool is_forward : {true, false}) {
            wrong += compare<uint16_t>(kind, is_forward, g) + compare<uint32_t>(kind, is_forward, g) +
                     compare<uint64_t>(kind, is_forward, g);
            checked += 3;
          }
        }
      }
    }
  }
  std::printf("%lld of %lld comparisons wrong\n", static_cast<long long>(wrong), static_cast<long long>(checked));
  if (wrong) return 1;
  for (const Geometry& g : {Geometry{4, 30, 30, 59, 59}, Geometry{2, 32, 64, 97, 97}, Geometry{1, 64, 128, 97, 97}}) {
    for (Kind kind : {psamask::kCollect, psamask::kDistribute}) {
      for (bool is_forward : {true, false}) {
        time_case<uint32_t>(kind, is_forward, g);
        time_case<uint16_t>(kind, is_forward, g);
      }
    }
  }
  return 0;
}
