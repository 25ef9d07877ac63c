#include "engine/cell/errors.h"

#include <optional>

#include "absl/strings/cord.h"
#include "cryptoscatter/base/bytes.h"

namespace worldb::engine {
namespace {
constexpr absl::string_view kReasonUrl = "worldb/reason";
constexpr absl::string_view kDetailsUrl = "worldb/details";
constexpr std::uint32_t kDetailsMax = 64;
constexpr std::size_t kDetailBytesMax = 4096;
}  // namespace

absl::Status MakeError(absl::StatusCode code, absl::string_view reason, absl::string_view message,
                       const ErrorDetails& details) {
  absl::Status status(code, message);
  status.SetPayload(kReasonUrl, absl::Cord(reason));
  if (!details.empty()) {
    ByteWriter w;
    w.U32(static_cast<std::uint32_t>(details.size()));
    for (const auto& [name, value] : details) w.Sized(AsBytes(name)).Sized(AsBytes(value));
    status.SetPayload(kDetailsUrl, absl::Cord(AsText(w.span())));
  }
  return status;
}

absl::Status OpIdReused() {
  return MakeError(absl::StatusCode::kAlreadyExists, reason::kOpIdReused,
                   "the op id is on record with other content; make a new op id for a new op");
}

std::string ReasonOf(const absl::Status& status) {
  const auto payload = status.GetPayload(kReasonUrl);
  return payload.has_value() ? std::string(*payload) : std::string();
}

ErrorDetails DetailsOf(const absl::Status& status) {
  const auto payload = status.GetPayload(kDetailsUrl);
  if (!payload.has_value()) return {};
  const std::string flat(*payload);
  ByteReader r(AsBytes(flat));
  ErrorDetails details;
  const std::uint32_t count = r.Count(kDetailsMax, 8);
  for (std::uint32_t i = 0; i < count; ++i) {
    std::string name(AsText(r.Sized(kDetailBytesMax)));
    details.emplace_back(std::move(name), std::string(AsText(r.Sized(kDetailBytesMax))));
  }
  return details;
}

}  // namespace worldb::engine
