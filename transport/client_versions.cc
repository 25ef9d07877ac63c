// List, History and Watch.

#include <algorithm>
#include <utility>

#include "absl/strings/escaping.h"
#include "absl/time/clock.h"
#include "cryptoscatter/base/mutex.h"
#include "cryptoscatter/base/status_macros.h"
#include "transport/client_impl.h"
#include "transport/message_fields.h"
#include "transport/reasons.h"
#include "transport/version_messages.h"

namespace worldb::transport {
namespace {

// Between two rounds over all endpoints, none of which had anything to tell.
constexpr absl::Duration kWatchAgainAfter = absl::Milliseconds(200);

// Whether a watch that ended with `status` may go on elsewhere, or here a little later.
bool MayResume(const absl::Status& status) {
  const std::string reason = engine::ReasonOf(status);
  return MayTryAnother(status) || reason == reason::kNotRead ||
         reason == engine::reason::kTriadUnavailable;
}

void Pause(absl::Duration span) {
  const absl::Time end = absl::Now() + span;
  Mutex mu;
  CondVar never;
  MutexLock lock(mu);
  while (absl::Now() < end) never.WaitFor(mu, end - absl::Now());
}

}  // namespace

absl::StatusOr<ListResult> Client::List(ByteSpan prefix, int page_size,
                                        const std::string& page_token, absl::Duration timeout) {
  v1::ListRequest request;
  request.set_prefix(prefix.data(), prefix.size());
  request.set_page_size(page_size);
  request.set_page_token(absl::CEscape(page_token));
  return impl_->Ask<ListResult, v1::ListResponse>(
      timeout,
      [&](Impl::Endpoint& endpoint, grpc::ClientContext& context, v1::ListResponse& response) {
        return endpoint.key_value->List(&context, request, &response);
      },
      ListResultFromWire);
}

absl::StatusOr<HistoryResult> Client::History(ByteSpan key, int page_size,
                                              const std::string& page_token,
                                              absl::Duration timeout) {
  v1::HistoryRequest request;
  request.set_key(key.data(), key.size());
  request.set_page_size(page_size);
  request.set_page_token(absl::CEscape(page_token));
  return impl_->Ask<HistoryResult, v1::HistoryResponse>(
      timeout,
      [&](Impl::Endpoint& endpoint, grpc::ClientContext& context, v1::HistoryResponse& response) {
        return endpoint.key_value->History(&context, request, &response);
      },
      HistoryResultFromWire);
}

absl::StatusOr<WatchEnd> Client::Watch(ByteSpan key, const WatchOptions& options,
                                       const std::function<bool(const WatchUpdate&)>& on_update) {
  const absl::Time deadline = absl::Now() + options.timeout;
  v1::WatchRequest request;
  if (options.prefix) {
    request.set_prefix(key.data(), key.size());
  } else {
    request.set_key(key.data(), key.size());
  }
  request.set_resume_token(absl::CEscape(options.resume_token));

  WatchEnd end;
  end.resume_token = options.resume_token;
  const auto with_token = [&end](const absl::Status& status) {
    return WithDetails(status, {{"resume_token", end.resume_token}});
  };
  bool ever_heard = false;
  std::vector<std::string> causes;  // of this round over the endpoints
  absl::Status last;
  for (std::size_t i = 0; absl::Now() < deadline; i = (i + 1) % impl_->endpoint_count()) {
    Impl::Endpoint& endpoint = impl_->endpoint(i);
    grpc::ClientContext context;
    context.set_deadline(absl::ToChronoTime(deadline));
    const auto stream = endpoint.key_value->Watch(&context, request);
    v1::WatchEvent event;
    bool heard = false;
    while (stream->Read(&event)) {
      const std::optional<WatchUpdate> update = WatchUpdateFromWire(event);
      if (!update.has_value()) {
        context.TryCancel();
        return BadAnswer(endpoint.address);
      }
      heard = true;
      end.resume_token = update->resume_token;
      request.set_resume_token(update->resume_token);
      if (!on_update(*update)) {
        context.TryCancel();
        end.stopped = true;
        return end;
      }
    }
    ever_heard |= heard;
    last = FromGrpcStatus(stream->Finish());
    if (absl::IsDeadlineExceeded(last)) {
      if (heard) return end;
      return with_token(Impl::NamedTimeout(AtEndpoint(last, endpoint.address), options.timeout));
    }
    last = AtEndpoint(last, endpoint.address);
    if (!MayResume(last)) return with_token(last);
    if (heard || causes.size() == impl_->endpoint_count()) causes.clear();
    causes.push_back(endpoint.address + ": " + CauseOf(last));
    if (causes.size() < impl_->endpoint_count()) continue;
    if (!ever_heard) break;
    Pause(std::min(kWatchAgainAfter, deadline - absl::Now()));
  }
  if (engine::ReasonOf(last) == engine::reason::kTriadUnavailable) return with_token(last);
  return with_token(impl_->NoEndpoint(causes, last));
}

}  // namespace worldb::transport
