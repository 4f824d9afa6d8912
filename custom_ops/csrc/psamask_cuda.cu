// Copyright (c) 2026 the paddleseg_ext authors. Licensed under the Apache License, Version 2.0.
//
// psamask on a CUDA device: the launches. They do not need Paddle.
#include <cuda_runtime.h>

#include "psamask_cuda.h"
#include "psamask_kernels.cuh"

namespace psamask {
namespace cuda {
namespace {

constexpr int kThreads = 256;
constexpr int64_t kMaxGridY = 65535;       // CUDA's limit for gridDim.y
constexpr int64_t kMaxGridX = 2147483647;  // and for gridDim.x

int64_t ceil_div(int64_t a, int64_t b) { return (a + b - 1) / b; }

const char* last_fault() {
  const cudaError_t status = cudaGetLastError();
  return status == cudaSuccess ? nullptr : cudaGetErrorString(status);
}

dim3 row_grid(int64_t rows, int64_t columns) {
  return dim3(static_cast<unsigned>(ceil_div(columns, kThreads)),
              static_cast<unsigned>(rows < kMaxGridY ? rows : kMaxGridY));
}

dim3 job_grid(int64_t jobs) { return dim3(static_cast<unsigned>(jobs < kMaxGridX ? jobs : kMaxGridX)); }

}  // namespace

template <typename T>
const char* forward(Kind kind, const T* logits, T* map, const Geometry& g, CUstream_st* stream) {
  if (kind == kCollect) {
    collect_kernel<T><<<row_grid(g.batch * g.positions(), g.positions()), kThreads, 0, stream>>>(logits, map, g);
  } else {
    const int64_t tiles = ceil_div(g.width, kTile), jobs = g.batch * g.height * g.height * tiles * tiles;
    distribute_kernel<T><<<job_grid(jobs), dim3(kTile, kTileRows), 0, stream>>>(logits, map, g, jobs, tiles);
  }
  return last_fault();
}

template <typename T>
const char* backward(Kind kind, const T* map_grad, T* logits_grad, const Geometry& g, CUstream_st* stream) {
  if (kind == kCollect) {
    collect_grad_kernel<T>
        <<<row_grid(g.batch * g.cells(), g.positions()), kThreads, 0, stream>>>(map_grad, logits_grad, g);
  } else {
    const int64_t tiles = ceil_div(g.width, kTile), mask_tiles = ceil_div(g.mask_w, kTile);
    const int64_t jobs = g.batch * g.mask_h * g.height * mask_tiles * tiles;
    distribute_grad_kernel<T>
        <<<job_grid(jobs), dim3(kTile, kTileRows), 0, stream>>>(map_grad, logits_grad, g, jobs, mask_tiles, tiles);
  }
  return last_fault();
}

#define PSAMASK_INSTANTIATE(T)                                                        \
  template const char* forward<T>(Kind, const T*, T*, const Geometry&, CUstream_st*); \
  template const char* backward<T>(Kind, const T*, T*, const Geometry&, CUstream_st*)

PSAMASK_INSTANTIATE(uint16_t);
PSAMASK_INSTANTIATE(uint32_t);
PSAMASK_INSTANTIATE(uint64_t);

}  // namespace cuda
}  // namespace psamask
