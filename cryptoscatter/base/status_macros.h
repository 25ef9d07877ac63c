// Propagation of absl::Status and absl::StatusOr.
#ifndef WORLDB_CRYPTOSCATTER_BASE_STATUS_MACROS_H_
#define WORLDB_CRYPTOSCATTER_BASE_STATUS_MACROS_H_

#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

#define WORLDB_RETURN_IF_ERROR(expression)                                                       \
  do {                                                                                           \
    if (absl::Status worldb_status_ = (expression); !worldb_status_.ok()) return worldb_status_; \
  } while (false)

#define WORLDB_STATUS_CONCAT_INNER_(a, b) a##b
#define WORLDB_STATUS_CONCAT_(a, b) WORLDB_STATUS_CONCAT_INNER_(a, b)
#define WORLDB_ASSIGN_OR_RETURN_IMPL_(statusor, lhs, expression) \
  auto statusor = (expression);                                  \
  if (!statusor.ok()) return std::move(statusor).status();       \
  lhs = *std::move(statusor)
#define WORLDB_ASSIGN_OR_RETURN(lhs, expression) \
  WORLDB_ASSIGN_OR_RETURN_IMPL_(WORLDB_STATUS_CONCAT_(worldb_statusor_, __LINE__), lhs, expression)

#endif  // WORLDB_CRYPTOSCATTER_BASE_STATUS_MACROS_H_
