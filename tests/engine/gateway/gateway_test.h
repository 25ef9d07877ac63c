// What the tests of this room stand on: one gateway alone, which hears of sequencers as the test says.
#ifndef WORLDB_TESTS_ENGINE_GATEWAY_GATEWAY_TEST_H_
#define WORLDB_TESTS_ENGINE_GATEWAY_GATEWAY_TEST_H_

#include <gtest/gtest.h>

#include <string>

#include "engine/context/home_directory.h"
#include "engine/context/peer_table.h"
#include "tests/support/lone_node.h"

namespace worldb::testing {

class GatewayTest : public ::testing::Test {
 protected:
  GatewayTest() {
    for (int home = 0; home < kDataCenterCount; ++home) Lead(NodeAt(3 * home), 1);
  }
  // The gateway hears that `sequencer` leads its home.
  void Lead(NodeIndex sequencer, std::uint64_t epoch) {
    homes_.On(sequencer, {DataCenterOf(sequencer), LogEpoch(epoch), {}});
  }
  DataCenterIndex HomeOf(const std::string& key) const {
    const engine::Cell& cell = node_.cell();
    return cell.HomeOf(cell.SlotOf(cell.KeyTagOf(AsBytes(key))));
  }
  // A key that begins so and is at home there.
  std::string KeyAt(DataCenterIndex home, const std::string& stem = "key") const {
    for (int i = 0;; ++i) {
      const std::string key = stem + std::to_string(i);
      if (HomeOf(key) == home) return key;
    }
  }

  LoneNode node_{NodeAt(4)};
  engine::HomeDirectory homes_{node_.self()};
  engine::PeerTable peers_{node_.self(), node_.clock()};
};

}  // namespace worldb::testing

#endif  // WORLDB_TESTS_ENGINE_GATEWAY_GATEWAY_TEST_H_
