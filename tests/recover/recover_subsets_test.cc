// Raw stores of every set of nodes.
//
// Goal:   each of the 512 sets of nodes gives all values back, or none, as the script says: 256 of them
//         read under the default script, 27 of these with four nodes.
// Method: nine stores with a few values (empty, small, larger than a row holds, a tombstone) are
//         read anew for each set.
#include <gtest/gtest.h>

#include <map>

#include "absl/strings/str_cat.h"
#include "tests/recover/raw_stores.h"
#include "tests/support/temp_directory.h"
#include "tools/recover/judging/recovery.h"
#include "tools/recover/sources/catalog.h"

namespace worldb::testing {
namespace {

TEST(RecoverSubsetsTest, EverySetThatMayReadDoesAndNoOther) {
  TempDirectory directory;
  RawStores stores(directory.path(), 11);
  const std::map<std::string, Bytes> values = {
      {"", {'n', 'o', ' ', 'n', 'a', 'm', 'e'}},
      {"empty", {}},
      {"small", Bytes(100, 's')},
      {"large", Bytes(70000, 'l')},
  };
  std::vector<RawStores::Write> writes;
  for (const auto& [key, value] : values) writes.push_back({key, value});
  writes.push_back({"gone", {}, Version(2), cryptoscatter::ValueKind::kTombstone});
  stores.Store(writes);
  stores.Close();

  // Somebody else's keys under the nodes' ids, and first: they must not keep out the right ones.
  engine::OfflineKeys keys;
  for (const std::size_t shift : {1u, 0u}) {
    for (std::size_t i = 0; i < kNodeCount; ++i) {
      const engine::NodeSecrets& secrets = stores.secrets()[(i + shift) % kNodeCount];
      keys.Add(stores.cell().node(NodeAt(static_cast<int>(i))).id, secrets.storage_key,
               secrets.exchange.PrivateKey());
    }
  }
  const auto script = cryptoscatter::Script::Nested();
  int readable = 0;
  int of_four = 0;
  for (int bits = 1; bits < NodeSet::kSubsetCount; ++bits) {
    const NodeSet set = NodeSet::FromBits(static_cast<std::uint32_t>(bits));
    std::vector<std::string> sources;
    for (int i = kNodeCount - 1; i >= 0; --i) {
      if (set.Has(i)) sources.push_back(stores.store_dir(i));
    }
    const auto catalog = tools::Catalog::Read(sources, {}, {});
    EXPECT_TRUE(catalog->bad().empty());
    catalog->Unlock(keys);
    ASSERT_EQ(catalog->spots().size(), static_cast<std::size_t>(set.Count()) * writes.size());
    tools::Recovery recovery(*catalog, {});
    int recovered = 0;
    int deleted = 0;
    int lost = 0;
    const absl::Status status = recovery.Run(
        [](const engine::VersionRef&, const Hash256&) { return false; },
        [&](const tools::VersionReport& report, SecretBytes value) {
          if (report.status == tools::VersionReport::Status::kLost) {
            ++lost;
            EXPECT_EQ(value.size(), 0u);
            EXPECT_LT(report.shortfall.have, report.shortfall.need);
            EXPECT_TRUE(script->IsReadable(set | report.shortfall.missing));
          } else if (report.kind == cryptoscatter::ValueKind::kTombstone) {
            ++deleted;
            EXPECT_EQ(ToString(*report.key), "gone");
          } else {
            ++recovered;
            EXPECT_TRUE(ToBytes(value.ExposeSecret()) == values.at(ToString(*report.key)));
            EXPECT_EQ(report.good, set);
            EXPECT_EQ(report.missing(), NodeSet::All().Minus(set));
            EXPECT_EQ(report.status == tools::VersionReport::Status::kRecovered,
                      set == NodeSet::All());
          }
          EXPECT_TRUE(report.bad_shares.empty());
          return absl::OkStatus();
        });
    ASSERT_TRUE(status.ok()) << status;
    if (script->IsReadable(set)) {
      ++readable;
      of_four += set.Count() == 4 ? 1 : 0;
      EXPECT_EQ(recovered, static_cast<int>(values.size())) << bits;
      EXPECT_EQ(deleted, 1);
    } else {
      EXPECT_EQ(lost, static_cast<int>(writes.size())) << bits;
    }
  }
  EXPECT_EQ(readable, 256);
  EXPECT_EQ(of_four, 27);
}

}  // namespace
}  // namespace worldb::testing
