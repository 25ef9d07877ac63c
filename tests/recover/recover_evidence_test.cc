// Evidence against bad shares, from the stores to whoever judges it.
//
// Goal:   what is wrong with a share is written so that anybody who knows the cell id sees it, for every
//         class that can be shown; what cannot is counted by class; no key share is ever in a file.
// Method: nine stores, each class of damage somewhere; verify and run write evidence, judge reads it: as
//         written, changed, and for another cell.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <functional>
#include <set>

#include "absl/strings/str_cat.h"
#include "engine/shares/share_store.h"
#include "tests/recover/recover_fixture.h"

namespace worldb::testing {
namespace {

namespace fs = std::filesystem;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

class RecoverEvidenceTest : public RecoverTest {
 protected:
  static constexpr std::uint8_t kWrongKeyShareByte = 0xa7;

  void SpoilRow(std::size_t key, int node, const std::function<void(RawStores::Rows&)>& spoil) {
    RawStores::Rows rows = Newest(key)[static_cast<std::size_t>(node)];
    spoil(rows);
    stores_.Put(node, rows);
  }

  void SpoilShare(std::size_t key, int node, const std::function<void(engine::ShareRow&)>& spoil) {
    SpoilRow(key, node, [&spoil](RawStores::Rows& rows) {
      auto row = engine::ShareRow::Decode(rows.row.key, rows.row.value);
      ASSERT_TRUE(row.ok());
      spoil(*row);
      rows.row.key =
          engine::ShareRow::Key(row->share.core.key_tag, row->share.slot_epoch, row->share.version);
      rows.row.value = row->Encode();
    });
  }

  // Of each key enough stays good to read it.
  void SpoilAll() {
    SpoilShare(0, 3, [](auto& row) { row.share.path.leaves[0].bytes[0] ^= 1; });
    const auto other = stores_.Seal({{"a", Bytes(40, 'x'), Version(2)}});
    stores_.Put(6, stores_.Scatter(other[0], Version(2))[6]);
    SpoilRow(1, 0, [](auto& rows) { rows.blob.back() ^= 1; });
    SpoilRow(1, 4, [](auto& rows) { rows.row.value.back() ^= 1; });  // in the sealed key share
    SpoilRow(3, 1, [](auto& rows) { rows.blob.resize(rows.blob.size() / 2); });
    SpoilRow(3, 3, [](auto& rows) { rows.row.value.resize(50); });
    stores_.Put(7, Newest(2)[8]);
    // Under its node's key, but not the one that was signed.
    SpoilShare(4, 5, [this](engine::ShareRow& row) {
      cryptoscatter::KeyShare wrong(1);
      const MutableByteSpan bytes = wrong.ExposeSecretMutable();
      std::fill(bytes.begin(), bytes.end(), kWrongKeyShareByte);
      row.key_share =
          cryptoscatter::WrapKeyShare(stores_.secrets()[5].storage_key,
                                      {sealed_[9].core.Id(), 0, NodeAt(5),
                                       stores_.cell().node(NodeAt(5)).id, row.share.key_share_hash},
                                      wrong);
    });
    SpoilShare(5, 8, [](auto& row) { row.share.version = Version(7); });
  }

  std::set<std::string> FilesIn(const std::string& directory) {
    std::set<std::string> files;
    for (const auto& entry : fs::directory_iterator(directory)) {
      if (entry.path().extension() == ".wde") files.insert(entry.path().filename());
    }
    return files;
  }

  std::string evidence() const { return directory_.path() + "/evidence"; }
  std::string cell_id() const { return stores_.cell().id().Hex(); }
};

TEST_F(RecoverEvidenceTest, EveryClassThatCanBeShownIsJudgedAndTheRestIsCounted) {
  SpoilAll();
  const ProgramResult verified = Verify({disks_}, {"--evidence", evidence()});
  EXPECT_EQ(verified.exit_code, 65) << verified.err;
  ASSERT_EQ(verified.Events("evidence").size(), 1u);
  const auto told = verified.Events("evidence")[0];
  EXPECT_EQ(told["files"], 6);
  EXPECT_EQ(told["shares"], 6);
  EXPECT_EQ(told["not_shown"], 3);
  EXPECT_EQ(told["classes_not_shown"],
            nlohmann::json({{"bad-row", 1}, {"key-share-sealing", 2}, {"other-place", 1}}));

  const std::set<std::string> files = FilesIn(evidence());
  EXPECT_EQ(files.size(), 6u);
  for (const std::string& file : files) {
    const Bytes bytes = ReadFile(evidence() + "/" + file);
    const Bytes wrong(16, kWrongKeyShareByte);
    EXPECT_EQ(std::search(bytes.begin(), bytes.end(), wrong.begin(), wrong.end()), bytes.end());
  }

  const ProgramResult judged = RunRecover({"judge", evidence(), "--cell", cell_id(), "-o", "json"});
  EXPECT_EQ(judged.exit_code, 0) << judged.err;
  std::set<std::string> found;
  for (const auto& finding : judged.Events("finding")) {
    EXPECT_EQ(finding["proven"], true);
    EXPECT_EQ(finding["holder"], nullptr);
    EXPECT_EQ(finding["signer_of_cell"], nullptr);
    found.insert(absl::StrCat(finding["part"].get<std::string>(), " ", finding["index"].get<int>(),
                              " ", finding["class"].get<std::string>()));
    EXPECT_THAT(finding["file"],
                HasSubstr(absl::StrCat(finding["core"].get<std::string>().substr(0, 16), "-",
                                       finding["index"].get<int>(), "-",
                                       finding["class"].get<std::string>(), "-")));
    const CoreId core = sealed_[1].core.Id();
    EXPECT_EQ(finding["core"] == core.Hex(),
              finding["commitment"] == sealed_[1].Commitment().Hex());
  }
  EXPECT_THAT(found, ElementsAre("fragment 0 fragment-bytes", "fragment 1 fragment-size",
                                 "key-share 5 key-share-bytes", "record 3 not-signed",
                                 "record 6 other-core", "record 7 other-index"));
  EXPECT_EQ(judged.Events("judged").at(0)["proven"], 6);
  EXPECT_THAT(judged.Events("judged").at(0)["limits"], HasSubstr("who gave the bytes"));

  // Again, by another command: the same files. Without keys: what shows without them.
  EXPECT_EQ(Run({disks_}, {"--evidence", evidence()}).Events("evidence").at(0)["files"], 6);
  EXPECT_EQ(FilesIn(evidence()), files);
  const std::string keyless = directory_.path() + "/keyless";
  EXPECT_EQ(RunRecover({"verify", disks_, "--evidence", keyless}).exit_code, 65);
  const std::set<std::string> fewer = FilesIn(keyless);
  EXPECT_EQ(fewer.size(), 4u);
  EXPECT_TRUE(std::includes(files.begin(), files.end(), fewer.begin(), fewer.end()));
}

TEST_F(RecoverEvidenceTest, ChangedOrForAnotherCellItProvesNothing) {
  SpoilAll();
  ASSERT_EQ(Verify({disks_}, {"--evidence", evidence()}).exit_code, 65);
  const std::set<std::string> files = FilesIn(evidence());
  const ProgramResult named =
      RunRecover({"judge", evidence(), "--cell-file", stores_.cell_file(), "-o", "json"});
  EXPECT_EQ(named.exit_code, 0) << named.err;
  EXPECT_EQ(named.Events("finding").at(0)["signer_of_cell"], false);  // a writer of the test's own

  std::string other = cell_id();
  other[0] = other[0] == '0' ? '1' : '0';
  const ProgramResult foreign = RunRecover({"judge", evidence(), "--cell", other, "-o", "json"});
  EXPECT_EQ(foreign.exit_code, 65);
  EXPECT_EQ(foreign.Events("judged").at(0)["not_proven"], files.size());

  for (const std::string& file : files) {
    const std::string path = evidence() + "/" + file;
    Bytes bytes = ReadFile(path);
    bytes[16 + 347 + 32] ^= 1;  // in the signature of the reference
    WriteFile(path, bytes);
  }
  const ProgramResult changed =
      RunRecover({"judge", evidence(), "--cell", cell_id(), "-o", "json"});
  EXPECT_EQ(changed.exit_code, 65);
  EXPECT_EQ(changed.Events("judged").at(0)["not_proven"], files.size());
  // And what is there is never replaced, nor taken for what belongs there.
  const ProgramResult again = Verify({disks_}, {"--evidence", evidence()});
  EXPECT_EQ(again.exit_code, 4);
  EXPECT_THAT(again.err, HasSubstr("is not the evidence that belongs there"));
  // Values do not wait for evidence.
  const ProgramResult run = Run({disks_}, {"--evidence", evidence()});
  EXPECT_EQ(run.exit_code, 4);
  EXPECT_THAT(run.err, HasSubstr("is not the evidence that belongs there"));
  ExpectFiles(values_.size());

  EXPECT_EQ(RunRecover({"judge", evidence() + "/none", "--cell", cell_id()}).exit_code, 3);
  EXPECT_EQ(RunRecover({"judge", evidence(), "--cell", "12"}).exit_code, 2);
  EXPECT_EQ(RunRecover({"judge", evidence()}).exit_code, 2);
}

}  // namespace
}  // namespace worldb::testing
