// Copyright (c) 2026 the paddleseg_ext authors. Licensed under the Apache License, Version 2.0.
//
// psamask on a CUDA device: the functions that the operator calls. It needs no header of Paddle or CUDA.
#pragma once

#include "psamask_geometry.h"

struct CUstream_st;  // what a cudaStream_t points to

namespace psamask {
namespace cuda {

// Enqueue on `stream` and return at once. T is uint16_t, uint32_t or uint64_t: psamask moves values and never
// computes with them. The pointers are to device memory. Sizes must not be zero.
// Returns nullptr, or CUDA's message about the error.
template <typename T>
const char* forward(Kind kind, const T* logits, T* map, const Geometry& geometry, CUstream_st* stream);

template <typename T>
const char* backward(Kind kind, const T* map_grad, T* logits_grad, const Geometry& geometry, CUstream_st* stream);

}  // namespace cuda
}  // namespace psamask
