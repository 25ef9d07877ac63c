// A script whose nodes hold key shares of 0 to 3 rows.
#ifndef WORLDB_TESTS_SUPPORT_SEVERAL_ROWS_SCRIPT_H_
#define WORLDB_TESTS_SUPPORT_SEVERAL_ROWS_SCRIPT_H_

#include <memory>

#include "cryptoscatter/base/check.h"
#include "cryptoscatter/script.h"

namespace worldb::testing {

// Rows of nodes 0 to 8: 3, 1, 0, 2, 2, 1, 2, 1, 0. Node 0 has a weight of two in a gate, and nodes 2
// and 8 hold fragments alone.
inline constexpr char kSeveralRowsText[] =
    "key: 1 of (2 of (2 of (node[0], node[0], node[1]), 2 of dc[1], 2 of (node[6], node[7])), "
    "3 of (node[0], node[3], node[4], node[6]))\n"
    "code: mds k=2\n";

inline std::shared_ptr<const cryptoscatter::Script> SeveralRowsScript() {
  auto script = cryptoscatter::Script::Compile(kSeveralRowsText);
  WORLDB_CHECK(script.ok());
  return *std::move(script);
}

}  // namespace worldb::testing

#endif  // WORLDB_TESTS_SUPPORT_SEVERAL_ROWS_SCRIPT_H_
