#include "transport/node_service.h"

#include <grpcpp/ext/proto_server_reflection_plugin.h>
#include <grpcpp/impl/server_builder_option.h>
#include <grpcpp/resource_quota.h>
#include <grpcpp/security/server_credentials.h>
#include <grpcpp/server.h>
#include <grpcpp/server_builder.h>

#include <utility>

#include "absl/strings/str_cat.h"
#include "cryptoscatter/base/status_macros.h"
#include "engine/cell/key_name.h"
#include "transport/call_support.h"
#include "transport/connection_acceptor.h"
#include "transport/grpc_log.h"
#include "transport/health_reporter.h"
#include "transport/limits.h"
#include "transport/message_fields.h"
#include "transport/public_messages.h"
#include "transport/session_call.h"
#include "transport/set_call.h"
#include "transport/version_messages.h"
#include "transport/watch_call.h"
#include "worldb/demo/v1/demo.grpc.pb.h"
#include "worldb/v1/cluster.grpc.pb.h"
#include "worldb/v1/key_value.grpc.pb.h"
#include "worldb/v1/tickets.grpc.pb.h"

namespace worldb::transport {
namespace {

using CellPtr = std::shared_ptr<const engine::Cell>;

// What a page takes up as a message and encoded, rounded up.
constexpr std::size_t kPageEntryBytes = 512;
std::size_t BytesOf(const engine::ListReply& page) {
  std::size_t bytes = kPageEntryBytes * (page.keys.size() + 1);
  for (const engine::ListedKey& listed : page.keys) bytes += 2 * listed.key.size();
  return bytes;
}
std::size_t BytesOf(const engine::HistoryReply& page) {
  return kPageEntryBytes * (page.versions.size() + 1);
}

// Answers with the page if there is room for it beside those that wait for their callers.
template <typename Page>
void AnswerPage(UnaryCall& call, engine::Budget& untaken, const absl::StatusOr<Page>& page,
                const std::function<void()>& fill) {
  if (!page.ok()) return call.Answer(page.status());
  auto charge = untaken.TryCharge(BytesOf(*page));
  if (!charge.has_value()) {
    return call.Answer(engine::MakeError(
        absl::StatusCode::kResourceExhausted, engine::reason::kShed,
        "the node has no room for the page beside the answers not taken yet; take what was asked "
        "for, and try again later"));
  }
  call.Answer(absl::OkStatus(), [&] {
    fill();
    call.HoldUntilDone(*std::move(charge));
  });
}

class KeyValueService final : public v1::KeyValue::CallbackService {
 public:
  KeyValueService(engine::NodeApi& node, CellPtr cell) : node_(node), cell_(std::move(cell)) {}

  grpc::ServerWriteReactor<v1::SetEvent>* Set(grpc::CallbackServerContext* context,
                                              const v1::SetRequest* request) override {
    // The request is this call's own and not const; its value is wiped once it has been taken out.
    return SetCall::Start(node_, cell_, *context,
                          SetRequestFromWire(const_cast<v1::SetRequest&>(*request), *cell_));
  }

  grpc::ServerWriteReactor<v1::SetEvent>* Delete(grpc::CallbackServerContext* context,
                                                 const v1::DeleteRequest* request) override {
    return SetCall::Start(node_, cell_, *context, DeleteRequestFromWire(*request));
  }

  grpc::ServerUnaryReactor* Get(grpc::CallbackServerContext* context, const v1::GetRequest* request,
                                v1::GetResponse* response) override {
    const auto call = UnaryCall::Create([response] { WipeString(*response->mutable_value()); });
    absl::StatusOr<engine::GetRequest> translated = GetRequestFromWire(*request);
    if (!translated.ok()) {
      call->Answer(translated.status());
      return call.get();
    }
    translated->timeout = WorkTimeOf(*context);
    node_.Get(*std::move(translated),
              [call, cell = cell_, response](absl::StatusOr<engine::GetReply> reply) {
                call->Answer(reply.status(), [&] {
                  GetReplyToWire(*reply, *cell, *response);
                  call->HoldUntilDone(std::move(reply->charge));
                });
              });
    return call.get();
  }

  grpc::ServerUnaryReactor* List(grpc::CallbackServerContext* context,
                                 const v1::ListRequest* request,
                                 v1::ListResponse* response) override {
    const auto call = UnaryCall::Create();
    absl::StatusOr<engine::ListRequest> translated = ListRequestFromWire(*request);
    if (!translated.ok()) {
      call->Answer(translated.status());
      return call.get();
    }
    translated->timeout = WorkTimeOf(*context);
    node_.List(*std::move(translated), [call, untaken = untaken_pages_,
                                        response](const absl::StatusOr<engine::ListReply>& reply) {
      AnswerPage(*call, *untaken, reply, [&] { ListReplyToWire(*reply, *response); });
    });
    return call.get();
  }

  grpc::ServerUnaryReactor* History(grpc::CallbackServerContext* context,
                                    const v1::HistoryRequest* request,
                                    v1::HistoryResponse* response) override {
    const auto call = UnaryCall::Create();
    absl::StatusOr<engine::HistoryRequest> translated = HistoryRequestFromWire(*request);
    if (!translated.ok()) {
      call->Answer(translated.status());
      return call.get();
    }
    translated->timeout = WorkTimeOf(*context);
    node_.History(*std::move(translated), [call, cell = cell_, untaken = untaken_pages_, response](
                                              const absl::StatusOr<engine::HistoryReply>& reply) {
      AnswerPage(*call, *untaken, reply, [&] { HistoryReplyToWire(*reply, *cell, *response); });
    });
    return call.get();
  }

  grpc::ServerWriteReactor<v1::WatchEvent>* Watch(grpc::CallbackServerContext*,
                                                  const v1::WatchRequest* request) override {
    return WatchCall::Start(node_, cell_, *request);
  }

  grpc::ServerBidiReactor<v1::SessionRequest, v1::SessionResponse>* Session(
      grpc::CallbackServerContext*) override {
    return SessionCall::Start(node_, cell_, untaken_events_);
  }

 private:
  engine::NodeApi& node_;
  const CellPtr cell_;
  // Shared with calls that the node answers when the service is gone.
  const std::shared_ptr<engine::Budget> untaken_pages_ =
      std::make_shared<engine::Budget>(kUntakenPagesBytesMax, kUntakenPagesBytesMax);
  const std::shared_ptr<engine::Budget> untaken_events_ =
      std::make_shared<engine::Budget>(kUntakenEventsBytesMax, kUntakenEventsBytesMax);
};

class TicketsService final : public v1::Tickets::CallbackService {
 public:
  TicketsService(engine::NodeApi& node, CellPtr cell) : node_(node), cell_(std::move(cell)) {}

  grpc::ServerUnaryReactor* Get(grpc::CallbackServerContext* context,
                                const v1::GetTicketRequest* request,
                                v1::Ticket* response) override {
    const auto call = UnaryCall::Create();
    node_.TicketGet(
        request->ticket(), WorkTimeOf(*context),
        [call, cell = cell_, response](const absl::StatusOr<engine::TicketStatus>& ticket) {
          call->Answer(ticket.status(), [&] { TicketToWire(*ticket, *cell, *response); });
        });
    return call.get();
  }

  grpc::ServerUnaryReactor* Wait(grpc::CallbackServerContext* context,
                                 const v1::WaitTicketRequest* request,
                                 v1::Ticket* response) override {
    const auto call = UnaryCall::Create();
    const absl::StatusOr<arbiter::Level> until = UntilFromWire(request->until());
    if (!until.ok()) {
      call->Answer(until.status());
      return call.get();
    }
    node_.TicketWait(
        request->ticket(), *until, WorkTimeOf(*context),
        [call, cell = cell_, response](const absl::StatusOr<engine::TicketStatus>& ticket) {
          call->Answer(ticket.status(), [&] { TicketToWire(*ticket, *cell, *response); });
        });
    return call.get();
  }

 private:
  engine::NodeApi& node_;
  const CellPtr cell_;
};

class ClusterService final : public v1::Cluster::CallbackService {
 public:
  ClusterService(engine::NodeApi& node, CellPtr cell) : node_(node), cell_(std::move(cell)) {}

  grpc::ServerUnaryReactor* Status(grpc::CallbackServerContext*, const v1::StatusRequest*,
                                   v1::StatusResponse* response) override {
    const auto call = UnaryCall::Create();
    node_.Status([call, cell = cell_, response](const absl::StatusOr<engine::NodeStatus>& status) {
      call->Answer(status.status(), [&] { NodeStatusToWire(*status, *cell, *response); });
    });
    return call.get();
  }

  grpc::ServerUnaryReactor* Locate(grpc::CallbackServerContext*, const v1::LocateRequest* request,
                                   v1::LocateResponse* response) override {
    const auto call = UnaryCall::Create();
    if (absl::Status status = engine::CheckKeyName(AsBytes(request->key())); !status.ok()) {
      call->Answer(status);
      return call.get();
    }
    const DataCenterIndex home =
        cell_->HomeOf(cell_->SlotOf(cell_->KeyTagOf(AsBytes(request->key()))));
    call->Answer(absl::OkStatus(),
                 [&] { response->set_home_data_center(cell_->data_center_name(home)); });
    return call.get();
  }

 private:
  engine::NodeApi& node_;
  const CellPtr cell_;
};

class DemoService final : public demo::v1::Demo::CallbackService {
 public:
  DemoService(DemoControl& control, std::string own_name)
      : control_(control), own_name_(std::move(own_name)) {}

  grpc::ServerUnaryReactor* StopNode(grpc::CallbackServerContext*,
                                     const demo::v1::StopNodeRequest* request,
                                     demo::v1::StopNodeResponse* response) override {
    const auto call = UnaryCall::Create();
    control_.StopNode(request->node(), own_name_, [call, response](absl::StatusOr<bool> changed) {
      call->Answer(changed.status(), [&] { response->set_changed(*changed); });
    });
    return call.get();
  }

  grpc::ServerUnaryReactor* StartNode(grpc::CallbackServerContext*,
                                      const demo::v1::StartNodeRequest* request,
                                      demo::v1::StartNodeResponse* response) override {
    const auto call = UnaryCall::Create();
    control_.StartNode(request->node(), request->new_disk(),
                       [call, response](absl::StatusOr<bool> changed) {
                         call->Answer(changed.status(), [&] { response->set_changed(*changed); });
                       });
    return call.get();
  }

 private:
  DemoControl& control_;
  const std::string own_name_;
};

// Linked in, reflection is on for every server of the process; this makes it a choice of each.
class ReflectionChoice final : public grpc::ServerBuilderOption {
 public:
  explicit ReflectionChoice(bool on) : on_(on) {}
  void UpdateArguments(grpc::ChannelArguments*) override {}
  void UpdatePlugins(std::vector<std::unique_ptr<grpc::ServerBuilderPlugin>>* plugins) override {
    auto plugin = std::make_unique<grpc::reflection::ProtoServerReflectionPlugin>();
    std::erase_if(*plugins, [&](const auto& other) { return other->name() == plugin->name(); });
    if (on_) plugins->push_back(std::move(plugin));
  }

 private:
  const bool on_;
};

}  // namespace

class NodeService::Impl {
 public:
  Impl(engine::NodeApi& node, CellPtr cell, const std::string& name, DemoControl* demo)
      : node_(node), key_value_(node, cell), tickets_(node, cell), cluster_(node, cell) {
    if (demo != nullptr) demo_ = std::make_unique<DemoService>(*demo, name);
  }

  absl::Status Listen(int port, bool reflection) {
    HealthReporter::Enable();
    grpc::ServerBuilder builder;
    builder.SetOption(std::make_unique<ReflectionChoice>(reflection));
    WORLDB_ASSIGN_OR_RETURN(acceptor_, ConnectionAcceptor::Listen(port));
    connections_ = builder.experimental().AddExternalConnectionAcceptor(
        grpc::ServerBuilder::experimental_type::ExternalConnectionType::FROM_FD,
        grpc::InsecureServerCredentials());
    builder.SetMaxReceiveMessageSize(kMessageBytesMax);
    builder.AddChannelArgument(GRPC_ARG_MAX_CONCURRENT_STREAMS, kCallsPerConnectionMax);
    builder.SetResourceQuota(grpc::ResourceQuota("worldb").Resize(kServerMemoryBytesMax));
    builder.AddChannelArgument(GRPC_ARG_MAX_METADATA_SIZE, 16 * 1024);
    builder.RegisterService(&key_value_);
    builder.RegisterService(&tickets_);
    builder.RegisterService(&cluster_);
    if (demo_ != nullptr) builder.RegisterService(demo_.get());
    server_ = builder.BuildAndStart();
    if (server_ == nullptr) return absl::UnavailableError("gRPC cannot start a server");
    acceptor_->Start([connections = connections_.get()](int socket) {
      grpc::experimental::ExternalConnectionAcceptor::NewConnectionParameters connection;
      connection.fd = socket;
      connections->HandleNewConnection(&connection);
    });
    health_ = std::make_unique<HealthReporter>(
        node_, *acceptor_, *server_->GetHealthCheckService(),
        std::vector<std::string>{v1::KeyValue::service_full_name(),
                                 v1::Tickets::service_full_name(),
                                 v1::Cluster::service_full_name()});
    return absl::OkStatus();
  }

  void Stop(absl::Duration grace) {
    health_.reset();
    if (server_ == nullptr) return;
    acceptor_->Stop();
    server_->Shutdown(absl::ToChronoTime(absl::Now() + grace));
    server_.reset();
  }

  int port() const { return acceptor_->port(); }

 private:
  engine::NodeApi& node_;
  KeyValueService key_value_;
  TicketsService tickets_;
  ClusterService cluster_;
  std::unique_ptr<DemoService> demo_;
  std::unique_ptr<grpc::Server> server_;  // it calls the services
  std::unique_ptr<grpc::experimental::ExternalConnectionAcceptor> connections_;
  std::unique_ptr<ConnectionAcceptor> acceptor_;  // it hands them to `connections_`
  std::unique_ptr<HealthReporter> health_;
};

absl::StatusOr<std::unique_ptr<NodeService>> NodeService::Start(
    engine::NodeApi& node, std::shared_ptr<const engine::Cell> cell, NodeIndex index,
    const Options& options) {
  QuietGrpc();
  const std::string& name = cell->node(index).name;
  auto impl = std::make_unique<Impl>(node, cell, name, options.demo);
  if (absl::Status status = impl->Listen(options.port, options.reflection); !status.ok())
    return status;
  return std::unique_ptr<NodeService>(new NodeService(std::move(impl)));
}

NodeService::NodeService(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
NodeService::~NodeService() { Stop(absl::ZeroDuration()); }
int NodeService::port() const { return impl_->port(); }
void NodeService::Stop(absl::Duration grace) { impl_->Stop(grace); }

}  // namespace worldb::transport
