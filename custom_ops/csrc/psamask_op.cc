// Copyright (c) 2026 the paddleseg_ext authors. Licensed under the Apache License, Version 2.0.
//
// The Paddle operator `psamask`: checks, shapes, types and dispatch. psamask_cpu.h and psamask_cuda.cu do the work
// and do not need Paddle.
#include <cstdlib>
#include <string>
#include <thread>
#include <vector>

#include "paddle/extension.h"
#include "psamask_cpu.h"
#ifdef PADDLE_WITH_CUDA
#include "psamask_cuda.h"
#endif

namespace {

int max_threads() {
  static const int threads = [] {
    const char* wish = std::getenv("PADDLESEG_EXT_THREADS");
    const int given = wish ? std::atoi(wish) : 0;
    return given > 0 ? given : static_cast<int>(std::thread::hardware_concurrency());
  }();
  return threads;
}

std::string text(const std::vector<int64_t>& shape) {
  std::string out = "[";
  for (size_t k = 0; k < shape.size(); ++k) out += (k ? ", " : "") + std::to_string(shape[k]);
  return out + "]";
}

psamask::Geometry check(const char* what, const paddle::Tensor& x, int psa_type, int mask_h, int mask_w, bool is_map) {
  const auto shape = x.shape();
  if (psa_type != psamask::kCollect && psa_type != psamask::kDistribute) {
    PD_THROW("psamask: psa_type must be 0 (collect) or 1 (distribute), got ", psa_type, ".");
  }
  if (mask_h < 1 || mask_w < 1) {
    PD_THROW("psamask: the mask size must be at least 1 x 1, got ", mask_h, " x ", mask_w, ".");
  }
  if (shape.size() != 4) {
    PD_THROW("psamask: ", what, " must have 4 dimensions (N, C, H, W), got shape ", text(shape), ".");
  }
  const int64_t channels = is_map ? shape[2] * shape[3] : static_cast<int64_t>(mask_h) * mask_w;
  if (shape[1] != channels) {
    PD_THROW("psamask: ", what, " must have ", channels, " channels (", is_map ? "H * W" : "mask_h * mask_w",
             "), got shape ", text(shape), " with a mask of ", mask_h, " x ", mask_w, ".");
  }
  return {shape[0], shape[2], shape[3], mask_h, mask_w};
}

// psamask only moves values, so one kernel per element size is enough for all dtypes of that size.
template <typename Run>
void dispatch_size(paddle::DataType dtype, const Run& run) {
  switch (dtype) {
    case paddle::DataType::FLOAT32:
      return run(uint32_t());
    case paddle::DataType::FLOAT64:
      return run(uint64_t());
    case paddle::DataType::FLOAT16:
    case paddle::DataType::BFLOAT16:
      return run(uint16_t());
    default:
      PD_THROW("psamask: the dtype must be float16, bfloat16, float32 or float64, got ", static_cast<int>(dtype), ".");
  }
}

template <bool kForward>
paddle::Tensor rearrange(const paddle::Tensor& x, const std::vector<int64_t>& shape, int psa_type,
                         const psamask::Geometry& geometry) {
  auto out = paddle::empty(shape, x.dtype(), x.place());
  if (out.numel() == 0) return out;
  const auto kind = static_cast<psamask::Kind>(psa_type);
  dispatch_size(x.dtype(), [&](auto element) {
    using T = decltype(element);
    const T* from = static_cast<const T*>(x.data());
    T* to = static_cast<T*>(out.data());
    if (x.is_cpu()) {
      if (kForward) {
        psamask::cpu::forward(kind, from, to, geometry, max_threads());
      } else {
        psamask::cpu::backward(kind, from, to, geometry, max_threads());
      }
      return;
    }
#ifdef PADDLE_WITH_CUDA
    if (x.is_gpu()) {
      const char* fault = kForward ? psamask::cuda::forward(kind, from, to, geometry, x.stream())
                                   : psamask::cuda::backward(kind, from, to, geometry, x.stream());
      if (fault) PD_THROW("psamask: the CUDA kernel could not be started: ", fault, ".");
      return;
    }
#endif
    PD_THROW("psamask: this library was built for the CPU only, but the tensor is on another device.");
  });
  return out;
}

}  // namespace

std::vector<paddle::Tensor> PSAMaskForward(const paddle::Tensor& x, int psa_type, int mask_h, int mask_w) {
  const auto g = check("the input", x, psa_type, mask_h, mask_w, false);
  return {rearrange<true>(x, {g.batch, g.positions(), g.height, g.width}, psa_type, g)};
}

std::vector<paddle::Tensor> PSAMaskBackward(const paddle::Tensor& map_grad, int psa_type, int mask_h, int mask_w) {
  const auto g = check("the gradient of the output", map_grad, psa_type, mask_h, mask_w, true);
  return {rearrange<false>(map_grad, {g.batch, g.cells(), g.height, g.width}, psa_type, g)};
}

// -1 is an unknown dimension. A product with an unknown is unknown; -1 * -1 = 1 would be a wrong static shape.
std::vector<std::vector<int64_t>> PSAMaskInferShape(const std::vector<int64_t>& x, int, int, int) {
  const int64_t height = x[2], width = x[3];
  return {{x[0], height < 0 || width < 0 ? -1 : height * width, height, width}};
}

std::vector<std::vector<int64_t>> PSAMaskGradInferShape(const std::vector<int64_t>& map_grad, int, int mask_h,
                                                        int mask_w) {
  return {{map_grad[0], static_cast<int64_t>(mask_h) * mask_w, map_grad[2], map_grad[3]}};
}

std::vector<paddle::DataType> PSAMaskInferDtype(const paddle::DataType& x) { return {x}; }

PD_BUILD_OP(psamask)
    .Inputs({"X"})
    .Outputs({"Out"})
    .Attrs({"psa_type: int", "mask_h: int", "mask_w: int"})
    .SetKernelFn(PD_KERNEL(PSAMaskForward))
    .SetInferShapeFn(PD_INFER_SHAPE(PSAMaskInferShape))
    .SetInferDtypeFn(PD_INFER_DTYPE(PSAMaskInferDtype));

// The gradient needs only the gradient of the map and the attributes. So the logits, the largest tensor of the network,
// need not be kept from forward to backward.
PD_BUILD_GRAD_OP(psamask)
    .Inputs({paddle::Grad("Out")})
    .Outputs({paddle::Grad("X")})
    .Attrs({"psa_type: int", "mask_h: int", "mask_w: int"})
    .SetKernelFn(PD_KERNEL(PSAMaskBackward))
    .SetInferShapeFn(PD_INFER_SHAPE(PSAMaskGradInferShape))
    .SetInferDtypeFn(PD_INFER_DTYPE(PSAMaskInferDtype));
