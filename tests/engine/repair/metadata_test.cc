// Goal:   a node that lost the record of a share takes it from nobody but the writers of its cell.
// Method: the node asks a neighbour that is played by the test, and is shown what nobody of the cell
//         signed, or what no node keeps.
#include <gtest/gtest.h>

#include <memory>

#include "engine/repair/repairer.h"
#include "tests/support/share_cell.h"

namespace worldb::testing {
namespace {

using cryptoscatter::Share;
using engine::BatchRow;

using MetadataTest = ShareCellTest;

TEST_F(MetadataTest, MetadataOfAFileOrOfNoWriterIsNotTakenForAMend) {
  TakeAnswers();
  const auto outsider = cryptoscatter::SigningKeyPair::Generate(entropy_);
  ASSERT_FALSE(cell_.cell().IsWriter(outsider.public_key()));
  for (const bool file : {true, false}) {
    const Scattered values = Scatter(2);
    for (int node = 0; node < kNodeCount; ++node) HandOneByOne(node, values);
    Run(300);
    auto forged = std::make_shared<Share>(values.deliveries[0][kTestNode]->share);
    forged->fragment.clear();
    if (file) {
      forged->core.kind = cryptoscatter::ValueKind::kFile;
    } else {
      forged->core.op_id.bytes = entropy_.Draw<16>();
    }
    forged->proof = cryptoscatter::SignBatch(file ? cell_.secrets(0).signing : outsider,
                                             cell_.cell().id(), {{forged->Commitment()}})[0];
    cryptoscatter::BatchVerifier verifier;
    EXPECT_TRUE(cryptoscatter::VerifyShare(*forged, cell_.cell().id(), verifier, nullptr, {},
                                           /*has_fragment=*/false, cell_.cell().scripts().book())
                    .proof_ok);
    answer_ = forged;
    asked_ = 0;
    const Share& own = values.deliveries[0][4]->share;
    Tamper(4, BatchRow::Key(cryptoscatter::BatchRefOf(own.core.cell, own.proof, own.Commitment())),
           std::nullopt);
    cell_.StopNode(4);
    cell_.StartNode(4);
    Run(300);
    Fetch(4, values.versions[0]);
    Run(3000);
    EXPECT_GT(asked_, 0);
    EXPECT_EQ(WrongWith(4, values, 0), "");
    EXPECT_EQ(cell_.Status(4).repair.core_conflicts, 0u);
  }
}

}  // namespace
}  // namespace worldb::testing
