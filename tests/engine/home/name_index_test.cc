// Goal:   a name that the log needs is asked for until a sibling brings it, and nothing else is taken.
// Method: one index over the fake disk in virtual time; this test is its siblings, and strangers.
#include "engine/home/name_index.h"

#include <gtest/gtest.h>

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "engine/rows/name_rows.h"
#include "tests/support/lone_node.h"
#include "tests/support/memory_store.h"

namespace worldb::engine {
namespace {

using worldb::testing::LoneNode;
using worldb::testing::MemoryStore;

Bytes Name(const std::string& text) { return ToBytes(AsBytes(text)); }

class NameIndexTest : public ::testing::Test {
 protected:
  void SetUp() override { Open(); }
  void Open() {
    names_.reset();
    store_.reset();
    node_.Restart();
    store_ = std::make_unique<MemoryStore>(disk_, node_.self().executor());
    names_ = std::make_unique<NameIndex>(node_.self(), *store_, node_.secrets(NodeAt(1)),
                                         node_.entropy());
    std::optional<absl::Status> loaded;
    names_->Load([&loaded](absl::Status status) { loaded = std::move(status); });
    Run();
    EXPECT_EQ(loaded, absl::OkStatus());
  }
  void Run() { node_.RunFor(absl::Milliseconds(100)); }
  KeyTag TagOf(const std::string& name) const { return node_.cell().KeyTagOf(Name(name)); }
  // The id of the question both siblings were asked now.
  RequestId Asked(std::size_t tags) {
    const auto asked = node_.Take<NamesGet>();
    EXPECT_EQ(asked.size(), 2u);
    if (asked.size() != 2) return 0;
    EXPECT_EQ(asked[0].to, NodeAt(2));
    EXPECT_EQ(asked[1].to, NodeAt(0));
    EXPECT_EQ(asked[0].message.key_tags.size(), tags);
    return asked[0].message.id;
  }
  void Answer(NodeIndex from, RequestId id, std::vector<Bytes> names) {
    names_->TakeNames(from, {id, std::move(names)});
    Run();
  }

  LoneNode node_{NodeAt(1)};
  worldb::testing::MemoryDisk disk_;
  std::unique_ptr<MemoryStore> store_;
  std::unique_ptr<NameIndex> names_;
};

TEST_F(NameIndexTest, MissingNamesAreAskedForTogetherUntilTheyAreThere) {
  names_->Need(TagOf("a"));
  names_->Need(TagOf("b"));
  names_->Need(TagOf("a"));
  Run();
  const RequestId first = Asked(2);
  Answer(NodeAt(2), first, {Name("a")});
  EXPECT_FALSE(names_->complete());
  node_.RunFor(absl::Milliseconds(500));
  Asked(1);
  Answer(NodeAt(0), first, {Name("b")});  // late, and from the other one
  EXPECT_TRUE(names_->complete());
  node_.RunFor(absl::Seconds(5));
  EXPECT_EQ(node_.sent_count(), 0u) << "nothing is asked for any more";
  EXPECT_EQ(*names_->Find(TagOf("b")), Name("b"));
  Open();
  EXPECT_EQ(names_->names().size(), 2u) << "and they are stored";
}

// Its node starts, and asks for it as for any other that is missing.
TEST_F(NameIndexTest, ADamagedRowCostsItsNameAlone) {
  std::vector<Bytes> all;
  for (int i = 0; i < 50; ++i) {
    all.push_back(Name("name-" + std::to_string(i)));
    names_->Need(node_.cell().KeyTagOf(all.back()));
  }
  Run();
  Answer(NodeAt(2), Asked(50), all);
  const KeyTag damaged = node_.cell().KeyTagOf(all[17]);
  ASSERT_TRUE(disk_.Corrupt(RowFamily::kRows, NameRow::Key(damaged)).ok());
  Open();
  EXPECT_EQ(names_->Find(damaged), nullptr);
  EXPECT_GE(names_->names().size(), 47u) << "and perhaps the next ones behind it";
  names_->Need(damaged);
  Run();
  Answer(NodeAt(0), Asked(1), {all[17]});
  EXPECT_EQ(*names_->Find(damaged), all[17]);
}

TEST_F(NameIndexTest, OnlySiblingsThatWereAskedAreHeard) {
  names_->Need(TagOf("a"));
  Run();
  const RequestId id = Asked(1);
  Answer(NodeAt(3), id, {Name("a")});      // of another data center
  Answer(NodeAt(1), id, {Name("a")});      // itself
  Answer(NodeAt(2), id + 1, {Name("a")});  // nobody asked that
  EXPECT_FALSE(names_->complete());
  Answer(NodeAt(2), id, {Name("never asked for"), Name("a")});
  EXPECT_TRUE(names_->complete());
  EXPECT_EQ(names_->names().size(), 1u);
}

TEST_F(NameIndexTest, ARowThatDoesNotOpenIsAsGoodAsLost) {
  names_->Need(TagOf("a"));
  names_->Need(TagOf("b"));
  Run();
  Answer(NodeAt(2), Asked(2), {Name("a"), Name("b")});
  disk_.Tamper(RowFamily::kRows, NameRow::Key(TagOf("a")),
               std::make_shared<const Bytes>(Bytes(60, 1)));
  Open();
  EXPECT_EQ(names_->Find(TagOf("a")), nullptr);
  EXPECT_NE(names_->Find(TagOf("b")), nullptr);
  names_->Need(TagOf("a"));
  Run();
  Answer(NodeAt(0), Asked(1), {Name("a")});
  Open();
  EXPECT_NE(names_->Find(TagOf("a")), nullptr) << "its row is written anew";
}

TEST_F(NameIndexTest, ANameIsWrittenOnceAndUnderItsOwnTagAlone) {
  EXPECT_EQ(names_->RowFor(TagOf("a"), Name("b")), std::nullopt);
  EXPECT_EQ(names_->RowFor(TagOf("a"), {}), std::nullopt);
  ASSERT_TRUE(names_->RowFor(TagOf("a"), Name("a")).has_value());
  names_->Learn(TagOf("a"), Name("a"));
  EXPECT_EQ(names_->RowFor(TagOf("a"), Name("a")), std::nullopt);
}

TEST_F(NameIndexTest, OneQuestionAndOneAnswerAreBounded) {
  const std::size_t many = NameIndex::kTagsPerQuestionMax + 10;
  std::vector<Bytes> all;
  for (std::size_t i = 0; i < many; ++i) {
    all.push_back(Name("name " + std::to_string(i)));
    names_->Need(node_.cell().KeyTagOf(all.back()));
  }
  Run();
  Answer(NodeAt(2), Asked(NameIndex::kTagsPerQuestionMax), all);
  EXPECT_EQ(names_->names().size(), NameIndex::kTagsPerQuestionMax) << "the rest is not looked at";
  node_.RunFor(absl::Milliseconds(500));
  Answer(NodeAt(2), Asked(10), {all.end() - 10, all.end()});
  EXPECT_TRUE(names_->complete());

  NamesGet request;
  for (const Bytes& name : all) request.key_tags.push_back(node_.cell().KeyTagOf(name));
  names_->Serve(NodeAt(5), request);
  EXPECT_EQ(node_.sent_count(), 0u) << "of another data center";
  names_->Serve(NodeAt(0), request);
  const auto replies = node_.Take<NamesGetReply>();
  ASSERT_EQ(replies.size(), 1u);
  EXPECT_EQ(replies[0].message.names.size(), NameIndex::kTagsPerQuestionMax);
}

TEST_F(NameIndexTest, AnAnswerToAQuestionOfLongAgoIsNotHeard) {
  names_->Need(TagOf("a"));
  Run();
  const RequestId first = Asked(1);
  node_.RunFor(NameIndex::kQuestionsMax * absl::Milliseconds(500));
  Answer(NodeAt(2), first, {Name("a")});
  EXPECT_FALSE(names_->complete());
}

}  // namespace
}  // namespace worldb::engine
