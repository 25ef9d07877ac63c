// What the tests of this room stand on: one node alone, a home's state fed by hand, and its names.
#ifndef WORLDB_TESTS_ENGINE_DESKS_DESK_TEST_H_
#define WORLDB_TESTS_ENGINE_DESKS_DESK_TEST_H_

#include <gtest/gtest.h>

#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "engine/home/name_index.h"
#include "tests/engine/desks/fed_home.h"
#include "tests/support/lone_node.h"
#include "tests/support/memory_store.h"

namespace worldb::testing {

class DeskTest : public ::testing::Test {
 protected:
  // Its name is known from now on.
  void Name(const std::string& key) { names_.Learn(home_.TagOf(key), ToBytes(AsBytes(key))); }
  // "key-0000", "key-0001" and so on, all of them named.
  std::vector<std::string> NamedKeys(const std::string& key, int count) {
    std::vector<std::string> keys;
    for (int i = 0; i < count; ++i) {
      keys.push_back(absl::StrCat(key, "-", absl::Dec(i, absl::kZeroPad4)));
      Name(keys.back());
    }
    return keys;
  }

  LoneNode node_{NodeAt(1)};
  FedHome home_{node_};

 private:
  MemoryDisk disk_;
  MemoryStore store_{disk_, node_.self().executor()};

 protected:
  engine::NameIndex names_{node_.self(), store_, node_.secrets(NodeAt(1)), node_.entropy()};
};

}  // namespace worldb::testing

#endif  // WORLDB_TESTS_ENGINE_DESKS_DESK_TEST_H_
