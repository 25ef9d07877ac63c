// One Watch on the server's side.
//
// Bounds:  as StreamCall, with kEventsMax; a waiting progress gives way to whatever comes after it. A
//          caller that does not read loses nothing: the error names the token to resume from.
// Threads: any.
#ifndef WORLDB_TRANSPORT_WATCH_CALL_H_
#define WORLDB_TRANSPORT_WATCH_CALL_H_

#include <cstddef>
#include <memory>

#include "engine/cell/cell.h"
#include "transport/stream_call.h"
#include "worldb/v1/key_value.pb.h"

namespace worldb::transport {

class WatchCall final : public StreamCall<v1::WatchEvent> {
 public:
  // More than the homes hand over at one go, so that a caller that reads keeps up with a catch-up.
  static constexpr std::size_t kEventsMax = 1024;

  // The reactor for one call; it frees itself.
  static WatchCall* Start(engine::NodeApi& node, std::shared_ptr<const engine::Cell> cell,
                          const v1::WatchRequest& request);

 private:
  WatchCall(engine::NodeApi& node, std::shared_ptr<const engine::Cell> cell)
      : StreamCall(node, kEventsMax), cell_(std::move(cell)) {}

  void OnEvent(const engine::WatchEvent& event);
  absl::Status NotRead(const v1::WatchEvent& last) const override;
  bool Replaces(const v1::WatchEvent& news, const v1::WatchEvent& waiting) const override;

  const std::shared_ptr<const engine::Cell> cell_;
};

}  // namespace worldb::transport

#endif  // WORLDB_TRANSPORT_WATCH_CALL_H_
