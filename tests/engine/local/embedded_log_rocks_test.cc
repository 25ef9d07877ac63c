// Goal: the embedded log keeps the contract of an accept log on the store it is deployed with.
#include "engine/rocks/rocks_store.h"
#include "tests/support/embedded_log_harness.h"
#include "tests/support/temp_directory.h"

namespace worldb::testing {
namespace {

struct Disk {
  TempDirectory directory;
  engine::RocksResources resources;
};

std::unique_ptr<AcceptLogHarness> MakeHarness(WorldKind kind) {
  auto disk = std::make_shared<Disk>();
  return std::make_unique<EmbeddedLogHarness>(kind, [disk](engine::Executor& executor) {
    return engine::RocksStore::Open(disk->directory.path(), disk->resources, executor).value();
  });
}

INSTANTIATE_TEST_SUITE_P(
    EmbeddedRocks, AcceptLogContract,
    ::testing::Values(
        AcceptLogHarnessFactory{"Sim", [] { return MakeHarness(WorldKind::kShuffledSim); }},
        AcceptLogHarnessFactory{"Strand", [] { return MakeHarness(WorldKind::kStrand); }}),
    [](const auto& info) { return info.param.name; });

}  // namespace
}  // namespace worldb::testing
