// A cell of this process without WAN delays and with short rounds, for tests that speak to it over gRPC.
#ifndef WORLDB_TESTS_TRANSPORT_NEAR_CELL_H_
#define WORLDB_TESTS_TRANSPORT_NEAR_CELL_H_

#include <string>

#include "absl/time/time.h"
#include "tools/demo_cell.h"

namespace worldb::transport {

inline tools::DemoCell::Options NearCell(const std::string& directory) {
  tools::DemoCell::Options options;
  options.cell.data_dir = directory + "/data";
  options.cell.delays = tools::WanDelays::None();
  options.cell.window.window_min = absl::Milliseconds(20);
  options.cell.window.window_max = absl::Milliseconds(500);
  return options;
}

}  // namespace worldb::transport

#endif  // WORLDB_TESTS_TRANSPORT_NEAR_CELL_H_
