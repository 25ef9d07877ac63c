// The contract of engine/ports/store.h, as tests over a StoreHarness. A test file includes this and says
// INSTANTIATE_TEST_SUITE_P with the factories of the harnesses it has.
#ifndef WORLDB_TESTS_SUPPORT_STORE_CONTRACT_H_
#define WORLDB_TESTS_SUPPORT_STORE_CONTRACT_H_

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "cryptoscatter/base/bytes.h"
#include "engine/ports/store.h"
#include "tests/support/store_driver.h"
#include "tests/support/test_world.h"

namespace worldb::testing {

class StoreHarness {
 public:
  virtual ~StoreHarness() = default;
  virtual TestWorld& world() = 0;
  virtual engine::Executor& executor() = 0;
  virtual engine::Store& store() = 0;
  // Closes the store in good order and opens it again, with a new executor.
  virtual void Reopen() = 0;
};

struct StoreHarnessFactory {
  std::string name;
  std::function<std::unique_ptr<StoreHarness>()> make;
};

class StoreContract : public ::testing::TestWithParam<StoreHarnessFactory> {
 protected:
  static constexpr auto kRows = engine::RowFamily::kRows;
  static constexpr auto kBlobs = engine::RowFamily::kBlobs;
  StoreDriver Driver() { return StoreDriver(harness_->world(), harness_->store()); }

  std::unique_ptr<StoreHarness> harness_ = GetParam().make();
};

TEST_P(StoreContract, WhatWasPutIsReadBackUntilItIsDeleted) {
  StoreDriver store = Driver();
  EXPECT_EQ(store.Get(kRows, "a").status().code(), absl::StatusCode::kNotFound);
  EXPECT_TRUE(store.Put(kRows, "a", "one").ok());
  EXPECT_EQ(store.Get(kRows, "a").value(), "one");
  EXPECT_TRUE(store.Put(kRows, "a", "two").ok());
  EXPECT_EQ(store.Get(kRows, "a").value(), "two");
  EXPECT_TRUE(store.Delete(kRows, "a").ok());
  EXPECT_EQ(store.Get(kRows, "a").status().code(), absl::StatusCode::kNotFound);
  EXPECT_TRUE(store.Delete(kRows, "a").ok());
  EXPECT_TRUE(store.Commit({}).ok());
}

TEST_P(StoreContract, FamiliesDoNotMix) {
  StoreDriver store = Driver();
  EXPECT_TRUE(store.Put(kRows, "a", "row").ok());
  EXPECT_EQ(store.Get(kBlobs, "a").status().code(), absl::StatusCode::kNotFound);
  EXPECT_TRUE(store.Put(kBlobs, "a", "blob").ok());
  EXPECT_EQ(store.Get(kRows, "a").value(), "row");
  EXPECT_EQ(store.Get(kBlobs, "a").value(), "blob");
}

TEST_P(StoreContract, KeysAndValuesMayHoldAnyBytes) {
  StoreDriver store = Driver();
  const std::string key("\0\xff k", 4);
  const std::string large(1 << 20, '\x7f');
  EXPECT_TRUE(store.Put(kRows, key, "").ok());
  EXPECT_EQ(store.Get(kRows, key).value(), "");
  EXPECT_TRUE(store.Put(kBlobs, key, large).ok());
  EXPECT_EQ(store.Get(kBlobs, key).value(), large);
}

TEST_P(StoreContract, ScanGivesARangeInKeyOrder) {
  StoreDriver store = Driver();
  for (std::string key : {"b", "d", "a", "c", "\xff"}) {
    ASSERT_TRUE(store.Put(kRows, key, "1").ok());
  }
  ASSERT_TRUE(store.Put(kBlobs, "bb", "1").ok());
  using ::testing::ElementsAre;
  EXPECT_THAT(*store.Scan(kRows, "b", "d", 10), ElementsAre("b=1", "c=1"));
  EXPECT_THAT(*store.Scan(kRows, "", "", 10), ElementsAre("a=1", "b=1", "c=1", "d=1", "\xff=1"));
  EXPECT_THAT(*store.Scan(kRows, "aa", "", 2), ElementsAre("b=1", "c=1"));
  EXPECT_THAT(*store.Scan(kRows, "e", "f", 2), ElementsAre());
  EXPECT_THAT(*store.Scan(kRows, "a", "", 0), ElementsAre());
}

TEST_P(StoreContract, WritesOfOneCommitApplyInOrderAndTogether) {
  StoreDriver store = Driver();
  using engine::StoreWrite;
  ASSERT_TRUE(
      store
          .Commit({StoreWrite::Put(kRows, "a", Value("1")), StoreWrite::Delete(kRows, "a"),
                   StoreWrite::Put(kRows, "b", Value("1")), StoreWrite::Put(kRows, "b", Value("2")),
                   StoreWrite::Put(kBlobs, "c", Value("3"))})
          .ok());
  EXPECT_EQ(store.Get(kRows, "a").status().code(), absl::StatusCode::kNotFound);
  EXPECT_EQ(store.Get(kRows, "b").value(), "2");
  EXPECT_EQ(store.Get(kBlobs, "c").value(), "3");
}

// More than any one merged write takes, from inside a task as a node would.
TEST_P(StoreContract, CommitsApplyAndAnswerInTheOrderTheyWereCalled) {
  constexpr int kCommits = 2500;
  std::vector<int> answered;
  Tally done;
  harness_->executor().Post([&] {
    for (int i = 0; i < kCommits; ++i) {
      harness_->store().Commit({engine::StoreWrite::Put(kRows, "key", Value(absl::StrCat(i)))},
                               i % 100 == 0, [&, i](const absl::Status& status) {
                                 EXPECT_TRUE(status.ok()) << status;
                                 answered.push_back(i);
                                 done.Add();
                               });
    }
    EXPECT_TRUE(answered.empty());
  });
  ASSERT_TRUE(harness_->world().Await(done, kCommits));
  for (int i = 0; i < kCommits; ++i) ASSERT_EQ(answered[i], i);
  EXPECT_EQ(Driver().Get(kRows, "key").value(), absl::StrCat(kCommits - 1));
}

TEST_P(StoreContract, AReadMadeInACommitsCallbackSeesTheCommit) {
  Tally done;
  for (int i = 0; i < 50; ++i) {
    const std::string key = absl::StrCat("key", i);
    harness_->store().Commit({engine::StoreWrite::Put(kRows, key, Value("v"))}, false,
                             [&, key](const absl::Status& status) {
                               EXPECT_TRUE(status.ok()) << status;
                               harness_->store().Get(kRows, key, [&](absl::StatusOr<Bytes> value) {
                                 EXPECT_TRUE(value.ok()) << value.status();
                                 done.Add();
                               });
                             });
  }
  ASSERT_TRUE(harness_->world().Await(done, 50));
}

TEST_P(StoreContract, ManyKeysAreAnsweredInTheirOrder) {
  StoreDriver store = Driver();
  ASSERT_TRUE(store.Put(kRows, "a", "1").ok());
  ASSERT_TRUE(store.Put(kRows, "c", "3").ok());
  using Values = std::vector<absl::StatusOr<Bytes>>;
  const Values values = harness_->world().template Await<Values>([&](auto done) {
    harness_->store().GetMany(kRows, {"c", "b", "a"}, std::move(done));
  });
  ASSERT_EQ(values.size(), 3u);
  EXPECT_EQ(ToString(*values[0]), "3");
  EXPECT_EQ(values[1].status().code(), absl::StatusCode::kNotFound);
  EXPECT_EQ(ToString(*values[2]), "1");
  EXPECT_TRUE(harness_->world()
                  .template Await<Values>(
                      [&](auto done) { harness_->store().GetMany(kRows, {}, std::move(done)); })
                  .empty());
}

TEST_P(StoreContract, SyncedRowsOutliveTheProcess) {
  {
    StoreDriver store = Driver();
    for (int i = 0; i < 100; ++i) {
      ASSERT_TRUE(store.Put(kRows, absl::StrCat("r", 100 + i), absl::StrCat(i)).ok());
      ASSERT_TRUE(store.Put(kBlobs, absl::StrCat("b", i), std::string(9000, 'x')).ok());
    }
    ASSERT_TRUE(store.Delete(kRows, "r150").ok());
  }
  harness_->Reopen();
  StoreDriver store = Driver();
  EXPECT_EQ(store.Scan(kRows, "", "", 1000)->size(), 99u);
  EXPECT_EQ(store.Get(kRows, "r142").value(), "42");
  EXPECT_EQ(store.Get(kBlobs, "b7").value(), std::string(9000, 'x'));
}

}  // namespace worldb::testing

#endif  // WORLDB_TESTS_SUPPORT_STORE_CONTRACT_H_
