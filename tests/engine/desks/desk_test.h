// What the tests of this room stand on: one node alone, a home's state fed by hand, and its names.
#ifndef WORLDB_TESTS_ENGINE_DESKS_DESK_TEST_H_
#define WORLDB_TESTS_ENGINE_DESKS_DESK_TEST_H_

#include <gtest/gtest.h>

#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "engine/context/node_context.h"
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
  struct Silence final : engine::PeerNetwork {
    void Send(NodeIndex, engine::PeerMessage) override {}
    void SetHandler(std::function<void(NodeIndex, engine::PeerMessage)>) override {}
  };
  engine::NodeParts Parts() {
    engine::NodeParts parts;
    parts.cell = node_.self().shared_cell();
    parts.index = node_.self().index();
    parts.secrets = &node_.secrets(parts.index);
    parts.executor = &node_.self().executor();
    parts.network = &silence_;
    parts.store = &store_;
    parts.entropy = &node_.entropy();
    return parts;
  }
  Silence silence_;
  MemoryDisk disk_;
  MemoryStore store_{disk_, node_.self().executor()};
  engine::NodeContext context_{Parts(), {}};

 protected:
  engine::NameIndex names_{context_, *context_.parts.store, *context_.parts.secrets,
                           *context_.parts.entropy};
};

}  // namespace worldb::testing

#endif  // WORLDB_TESTS_ENGINE_DESKS_DESK_TEST_H_
