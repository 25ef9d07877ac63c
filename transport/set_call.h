// One Set or Delete on the server's side.
//
// Bounds:  as StreamCall, with kEventsMax; a newer level event replaces a waiting one.
// Threads: any.
#ifndef WORLDB_TRANSPORT_SET_CALL_H_
#define WORLDB_TRANSPORT_SET_CALL_H_

#include <grpcpp/server_context.h>

#include <cstddef>
#include <memory>

#include "absl/status/statusor.h"
#include "engine/cell/cell.h"
#include "transport/stream_call.h"
#include "worldb/v1/key_value.pb.h"

namespace worldb::transport {

class SetCall final : public StreamCall<v1::SetEvent> {
 public:
  static constexpr std::size_t kEventsMax = 16;

  // The reactor for one call; it frees itself. `request` is what was asked, or why it cannot be.
  static SetCall* Start(engine::NodeApi& node, std::shared_ptr<const engine::Cell> cell,
                        const grpc::CallbackServerContext& context,
                        absl::StatusOr<engine::SetRequest> request);

 private:
  SetCall(engine::NodeApi& node, std::shared_ptr<const engine::Cell> cell, arbiter::Level until)
      : StreamCall(node, kEventsMax), cell_(std::move(cell)), until_(until) {}

  void OnEvent(const engine::SetEvent& event);
  absl::Status NotRead(const v1::SetEvent& last) const override;
  bool Replaces(const v1::SetEvent& news, const v1::SetEvent& waiting) const override;

  const std::shared_ptr<const engine::Cell> cell_;
  const arbiter::Level until_;
};

}  // namespace worldb::transport

#endif  // WORLDB_TRANSPORT_SET_CALL_H_
